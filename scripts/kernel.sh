#!/bin/bash
# kernel.sh DIRECTORY FRAGMENTS TARGETS...: configure build/DIRECTORY from the
# fragments (names in scripts/config, joined by commas) if they have changed, and
# make the targets there, of the source in TREE from the environment, or of the
# patched one.
. "$(dirname "$0")/lib.sh"

out=$build/$1
tree=${TREE:-$tree}
IFS=, read -ra names <<<"$2"
shift 2
fragments=("${names[@]/%/.config}")
fragments=("${fragments[@]/#/$top/scripts/config/}")

# Depend mode: a cold build does not preprocess each file twice.
export CCACHE_BASEDIR=$top CCACHE_DEPEND=1
# Nothing of this machine, and nothing that a second build would not repeat
export KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=kvm KBUILD_BUILD_HOST=exit-stats

kmake()
{
	make -C "$tree" O="$out" CC="ccache gcc" LOCALVERSION= "$@"
}

mkdir -p "$out"
if ! cat "${fragments[@]}" | cmp -s - "$out/fragments"; then
	kmake tinyconfig
	# merge_config.sh takes a symbol that is not there for a mistake: good.
	"$tree/scripts/kconfig/merge_config.sh" -m -O "$out" "$out/.config" "${fragments[@]}"
	kmake olddefconfig
	while read -r line; do
		case $line in
		CONFIG_*)
			grep -qxF "$line" "$out/.config" ||
				die "the configuration has no $line"
			;;
		"# CONFIG_"*" is not set")
			symbol=${line#\# }
			! grep -q "^${symbol%% *}=" "$out/.config" ||
				die "the configuration has ${symbol%% *}"
			;;
		esac
	done < <(cat "${fragments[@]}" | tac | awk '
		match($0, /CONFIG_[A-Z0-9_]+/) && !seen[substr($0, RSTART, RLENGTH)]++')
	cat "${fragments[@]}" >"$out/fragments"
fi

kmake -j"$jobs" "$@"
