#!/bin/bash
# kernel.sh DIRECTORY FRAGMENTS TARGETS...: configure build/DIRECTORY from the fragments if
# these have changed, and make the targets there.  FRAGMENTS are names in scripts/lab/config,
# joined by commas; if NAME-BASE.config exists as well, it is added.  The source is TREE from
# the environment, or else the patched one.
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
	# With -m, merge_config.sh does not check the result: the loop below does.
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
