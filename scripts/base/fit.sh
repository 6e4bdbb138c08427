# shellcheck shell=bash
# Sourced after lib.sh, by scripts that check whether patches fit a kernel source.  patch(1)
# applies the patches to copies of the files that they change.

hunks=0
hunks_fit=0

# not_fit PIECE WHY: print that no hunk of this piece fits, and why.
not_fit()
{
	echo "    $path: $2: no hunk fits of $(grep -c '^@@ ' "$1")"
}

# fit_file TREE SCRATCH PIECE: do the job of fit_patch() for the part of a patch for one file.
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
	tell_hunks "$path" "$piece" "$scratch.said" "$scratch/$path" >"$scratch.hunks"
	cat "$scratch.hunks"
	hunks_fit=$((hunks_fit + $(grep -c '^    [^ ].* fits at line ' "$scratch.hunks" || true)))
}

# tell_hunks PATH PIECE SAID PATCHED: print for each hunk of a piece whether it fits, from the
# output of patch(1) in SAID.  patch(1) may put a hunk into another function than that from
# which the hunk came, as PATCHED shows.  Such a hunk does not fit, though patch(1) succeeds.
tell_hunks()
{
	awk -v path="$1" '
		# Return the name of the function after a line, if it was "fn" before the line.
		function follow(fn, line)
		{
			if (line ~ /^}/)
				return ""
			if (line !~ /^[A-Za-z_$]/ || line ~ /^[A-Za-z0-9_]+:/ || !match(line, /[A-Za-z0-9_]+\(/))
				return fn
			return substr(line, RSTART, RLENGTH - 1)
		}
		FNR == 1 { file++ }
		file == 1 {
			if (/^@@ /) {
				of++
				heading = $0
				sub(/^@@ [^@]* @@ ?/, "", heading)
				from[of] = follow("", heading)
				leading = 1
			} else if (of && /^[-+]/) {
				leading = 0
			} else if (of && leading) {
				from[of] = follow(from[of], substr($0, 2))
				context[of]++
			}
			text[of] = text[of] "        " $0 "\n"
			next
		}
		file == 2 {
			into[FNR] = fn = follow(fn, $0)
			next
		}
		/^Hunk #/ {
			hunk = substr($2, 2) + 0
			printf "    %s: hunk %d of %d ", path, hunk, of
			at = sub(/^Hunk #[0-9]+ succeeded at /, "") ? $1 + context[hunk] : 0
			sub(/[.]$/, "")
			if (at && path ~ /[.][ch]$/ && from[hunk] != "" && from[hunk] != into[at - 1]) {
				print "does not fit: patch(1) puts what is in " from[hunk] "() at line " $0 ", i.e. elsewhere:"
				printf "%s", text[hunk]
			} else if (at) {
				print "fits at line " $0
			} else {
				print $3 == "ignored" ? "is there already:" : "does not fit:"
				printf "%s", text[hunk]
			}
		}' "$2" "$4" "$3"
}

# fit_patch TREE SCRATCH PATCH: print for each hunk of a patch in the format of git whether it
# fits TREE, which is only read.  The patched files are in SCRATCH.  The patches of a series use
# the same SCRATCH, one after the other.  Adds to $hunks and $hunks_fit.
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
