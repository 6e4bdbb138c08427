#!/bin/bash
# tool.sh: build kvm_exit_stat, as make -C tools does, into build/tools.
# tool.sh sanitized: into build/tools-sanitized, to stop at any undefined behavior.
# tool.sh fuzz: the fuzz target of its reader of files, into build/tools-fuzz.
. "$(dirname "$0")/lib.sh"

# build_tool DIRECTORY TARGET [VARIABLE...]
build_tool()
{
	mkdir -p "$build/$1"
	make -C "$tree/tools/kvm/kvm_exit_stat" O="$build/$1" "${@:3}" "$build/$1/$2"
}

case ${1-} in
'')
	mkdir -p "$build/tools"
	make -C "$tree/tools" O="$build/tools" CC="ccache gcc" kvm_exit_stat
	;;
sanitized)
	build_tool tools-sanitized kvm_exit_stat CC="ccache gcc" \
		CFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined"
	;;
fuzz)
	build_tool tools-fuzz fuzz_record CC=clang
	;;
*)
	die "'$1' is none of: sanitized, fuzz"
	;;
esac
