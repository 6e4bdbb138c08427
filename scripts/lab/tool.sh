#!/bin/bash
# tool.sh: build kvm_exit_stat, as make -C tools does, into build/tools.
# tool.sh sanitized: the same with sanitizers, which stop at an error, into build/tools-sanitized.
# tool.sh fuzz: build the fuzz target for the tool's reader of files into build/tools-fuzz, from
# this repository, as build/linux does not have its sources.
. "$(dirname "$0")/lib.sh"

# build_tool TREE DIRECTORY TARGET [VARIABLE...]
build_tool()
{
	mkdir -p "$build/$2"
	make -C "$1/tools/kvm/kvm_exit_stat" O="$build/$2" top_srcdir="$tree" "${@:4}" "$build/$2/$3"
}

case ${1-} in
'')
	mkdir -p "$build/tools"
	make -C "$tree/tools" O="$build/tools" CC="ccache gcc" kvm_exit_stat
	;;
sanitized)
	build_tool "$tree" tools-sanitized kvm_exit_stat CC="ccache gcc" \
		CFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined"
	;;
fuzz)
	build_tool "$top" tools-fuzz fuzz_record CC=clang
	;;
*)
	die "'$1' is none of: sanitized, fuzz"
	;;
esac
