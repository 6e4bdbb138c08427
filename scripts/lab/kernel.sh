#!/bin/bash
# kernel.sh DIRECTORY FRAGMENTS TARGETS...: configure build/DIRECTORY from the
# fragments (names in scripts/lab/config, joined by commas, and NAME-BASE of those that have
# one) if they have changed, and make the targets there, of the source in TREE from the
# environment, or of the patched one.
. "$(dirname "$0")/lib.sh"

out=$build/$1
tree=${TREE:-$tree}
IFS=, read -ra names <<<"$2"
shift 2
fragments=()
for name in "${names[@]}"; do
	fragments+=("$top/scripts/lab/config/$name.config")
	[ ! -f "$top/scripts/lab/config/$name-$base_version.config" ] ||
		fragments+=("$top/scripts/lab/config/$name-$base_version.config")
done

mkdir -p "$out"
if ! cat "${fragments[@]}" | cmp -s - "$out/fragments"; then
	kmake "$tree" "$out" tinyconfig
	# merge_config.sh takes a symbol that is not there for a mistake: good.
	"$tree/scripts/kconfig/merge_config.sh" -m -O "$out" "$out/.config" "${fragments[@]}"
	kmake "$tree" "$out" olddefconfig
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

kmake "$tree" "$out" -j"$jobs" "$@"
