#!/bin/bash
# Build the selftest, static, into build/tests.
. "$(dirname "$0")/lib.sh"

export CCACHE_BASEDIR=$top

make -C "$tree" O="$build/selftests" CC="ccache gcc" LOCALVERSION= ARCH=x86 headers
make -C "$tree/tools/testing/selftests/kvm" -j"$jobs" ARCH=x86_64 \
	OUTPUT="$build/selftests/kvm" CC="ccache gcc" LDFLAGS=-static \
	KHDR_INCLUDES="-isystem $build/selftests/usr/include" \
	"$build/selftests/kvm/x86_64/exit_stats_test"
mkdir -p "$build/tests"
cp "$build/selftests/kvm/x86_64/exit_stats_test" "$build/tests/"
