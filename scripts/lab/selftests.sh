#!/bin/bash
# Build the selftests of exit statistics, static, into build/tests.
# selftests.sh all: build all of KVM's selftests into build/kernel-selftests.
. "$(dirname "$0")/lib.sh"

export CCACHE_BASEDIR=$top

make -C "$tree" O="$build/selftests" CC="ccache gcc" LOCALVERSION= ARCH=x86 headers
out=$build/selftests/kvm

# kvm_make TARGET...
kvm_make()
{
	make -C "$tree/tools/testing/selftests/kvm" -j"$jobs" ARCH=x86_64 OUTPUT="$out" \
		CC="ccache gcc" LDFLAGS=-static \
		KHDR_INCLUDES="-isystem $build/selftests/usr/include" "$@"
}

case ${1-} in
'')
	kvm_make "$out/$selftests_arch"/exit_stats{,_times,_trace}_test
	mkdir -p "$build/tests"
	cp "$out/$selftests_arch"/exit_stats{,_times,_trace}_test "$build/tests/"
	;;
all)
	kvm_make all
	rm -rf "$build/kernel-selftests"
	mkdir "$build/kernel-selftests"
	find "$out" -type f -executable | while read -r program; do
		strip -o "$build/kernel-selftests/${program##*/}" "$program"
	done
	;;
*)
	die "'$1' is not 'all'"
	;;
esac
