#!/bin/bash
# Build kvm_exit_stat, as make -C tools does, into build/tools.
. "$(dirname "$0")/lib.sh"

mkdir -p "$build/tools"
make -C "$tree/tools" O="$build/tools" CC="ccache gcc" kvm_exit_stat
