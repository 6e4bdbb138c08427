# shellcheck shell=bash
# Sourced after lib.sh, by what asks whether patches fit a kernel source: patch(1) applies
# them to copies of the files that they touch.

hunks=0
hunks_fit=0

# not_fit PIECE WHY: tell it of all hunks
not_fit()
{
	echo "    $path: $2: no hunk fits of $(grep -c '^@@ ' "$1")"
}

# fit_file TREE SCRATCH PIECE: one file of a patch
fit_file()
{
	local tree=$1 scratch=$2 piece=$3 path
	path=$(sed -n '1s,^diff --git a/.* b/,,p' "$piece")
	hunks=$((hunks + $(grep -c '^@@ ' "$piece")))

	if [ ! -e "$scratch/$path" ]; then
		mkdir -p "$scratch/$(dirname "$path")"
		if grep -q '^new file mode ' "$piece"; then
			[ ! -e "$tree/$path" ] || {
				not_fit "$piece" "is there already"
				return
			}
		elif [ -f "$tree/$path" ]; then
			cp "$tree/$path" "$scratch/$path"
		else
			not_fit "$piece" "there is no such file"
			return
		fi
	fi

	patch --verbose -N -p1 -d "$scratch" -r - --no-backup-if-mismatch \
		<"$piece" >"$scratch.said" 2>&1 || true
	hunks_fit=$((hunks_fit + $(grep -c '^Hunk #[0-9]* succeeded ' "$scratch.said" || true)))
	awk -v path="$path" '
		NR == FNR {
			of += /^@@ /
			text[of] = text[of] "        " $0 "\n"
			next
		}
		/^Hunk #/ {
			hunk = substr($2, 2)
			printf "    %s: hunk %d of %d ", path, hunk, of
			if (sub(/^Hunk #[0-9]+ succeeded at /, "")) {
				sub(/[.]$/, "")
				print "fits at line " $0
			} else {
				print $3 == "ignored" ? "is there already:" : "does not fit:"
				printf "%s", text[hunk]
			}
		}' "$piece" "$scratch.said"
}

# fit_patch TREE SCRATCH PATCH: tell of each hunk of a patch in the format of git whether it
# fits TREE, to which nothing is written.  Patches of a series, one after the other, share
# SCRATCH, which has the outcome.  Counts in $hunks and $hunks_fit.
fit_patch()
{
	local piece
	rm -rf "$2.pieces"
	mkdir -p "$2" "$2.pieces"
	awk -v dir="$2.pieces" '
		/^diff --git / { close(piece); piece = sprintf("%s/%04d", dir, ++n) }
		n { print >piece }' "$3"
	for piece in "$2.pieces"/*; do
		fit_file "$1" "$2" "$piece"
	done
}
