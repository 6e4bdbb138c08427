#!/bin/bash
# make series: split the difference between the base and build/linux into patches, and write
# them to build/series, as git format-patch does, ready to be mailed.  scripts/base/series/plan
# says which patch has what, NAME.msg there is the changelog of a patch, and "cover" the cover
# letter.
#
# The commits are made in the repository of build/linux, on top of its tag "base", and not
# checked out.  Prints the ID of the last one.
. "$(dirname "$0")/lib.sh"

plan_dir=$top/scripts/base/series
plan=$plan_dir/plan
scratch=$build/series.scratch
target=$build/series
document=$top/Documentation/virt/kvm/x86/exit-stats-cost.rst
# Fixed dates for all commits, so that the same sources always give the same patches
export GIT_AUTHOR_DATE="1700000000 +0000" GIT_COMMITTER_DATE="1700000000 +0000"

# The names of the patches in their order.  Of each "path" rule, which is about whole files: its
# step, i.e. the number of its patch, and its pattern of paths.
names=()
path_steps=()
path_globs=()

# Set the author and committer of the patches: the user in git's configuration, or a placeholder
read_identity()
{
	GIT_AUTHOR_NAME=$(git -C "$top" config user.name || echo series)
	GIT_AUTHOR_EMAIL=$(git -C "$top" config user.email || echo series@localhost)
	export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL
	export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
}

tree_git()
{
	git -C "$tree" "$@"
}

# Read the plan.  The rules for parts of files go to $scratch/rules, in the format that split.awk
# reads, with one more field in front: the pattern of paths that the rule is for.
read_plan()
{
	local line keyword path argument number=0
	while IFS= read -r line; do
		number=$((number + 1))
		case $line in
		'' | '#'*)
			continue
			;;
		[-+]*)
			[[ ${keyword-} = change || ${keyword-} = [-+] ]] ||
				die "$plan:$number: this line belongs to no change: $line"
			keyword=${line:0:1}
			argument=${line:1}
			;;
		*)
			read -r keyword path argument <<<"$line"
			;;
		esac

		[[ $keyword = patch || ${#names[@]} -gt 0 ]] || die "$plan:$number: no patch is named before"
		case $keyword in
		patch)
			[[ $path =~ ^[a-z0-9-]+$ && -z $argument ]] || die "$plan:$number: bad name: $line"
			[[ " ${names[*]} " != *" $path "* ]] || die "$plan:$number: $path is there twice"
			names+=("$path")
			;;
		path)
			[[ -n $path && -z $argument ]] || die "$plan:$number: not one path: $line"
			path_steps+=(${#names[@]})
			path_globs+=("$path")
			;;
		def | line | line\? | lines | lines\? | change | [-+])
			[[ -n $argument || $keyword = change || $keyword = [-+] ]] ||
				die "$plan:$number: $keyword without what it is for: $line"
			printf '%s\t%d\t%s\t%s\n' "$path" ${#names[@]} "$keyword" "$argument" \
				>>"$scratch/rules"
			;;
		*)
			die "$plan:$number: '$keyword' is no keyword"
			;;
		esac
	done <"$plan"
}

# Print the file with the changelog of a patch: NAME.BASE.msg if the base has a changelog of its
# own, or else NAME.msg.
message_of()
{
	if [ -e "$plan_dir/$1.$base_version.msg" ]; then
		echo "$plan_dir/$1.$base_version.msg"
	else
		echo "$plan_dir/$1.msg"
	fi
}

# Check that each patch has a changelog in the form that git and reviewers expect, and that each
# changelog has a patch.
check_messages()
{
	local message
	diff <(printf '%s\n' "${names[@]}" | sort) \
		<(cd "$plan_dir" && printf '%s\n' *.msg | sed 's/\..*//' | sort -u) >&2 ||
		die "the patches of $plan (<) and the changelogs beside it (>) are not the same"
	for message in "$plan_dir"/*.msg; do
		awk 'function fail(message) { print FILENAME ":" FNR ": " message; wrong = 1 }
			length > 75			{ fail("longer than 75 characters") }
			FNR == 2 && $0 != ""		{ fail("not blank, after the shortlog") }
			tolower($0) ~ /this (patch|commit)/	{ fail("not in imperative mood: " $0) }
			/[ \t]$/			{ fail("ends with a blank") }
			END { if (FNR < 3) fail("no changelog"); exit wrong }' \
			"$message" >&2 || die "the changelog ${message##*/} is not as it must be"
	done
}

# step_of_path PATH: print the step of the file's lines that no other rule names.  If several
# "path" rules match, the last one in the plan counts.
step_of_path()
{
	local i
	for ((i = ${#path_globs[@]} - 1; i >= 0; i--)); do
		# shellcheck disable=SC2053  # a pattern
		if [[ $1 == ${path_globs[i]} ]]; then
			echo "${path_steps[i]}"
			return
		fi
	done
	die "$plan knows no patch for the file $1"
}

# rules_for PATH: print the rules for parts of this file, without the pattern in front.
rules_for()
{
	local line
	while IFS= read -r line; do
		# shellcheck disable=SC2053  # a pattern
		[[ $1 != ${line%%$'\t'*} ]] || printf '%s\n' "${line#*$'\t'}"
	done <"$scratch/rules"
}

# split_file PATH MODE: for each step N that changes the file, add a line about the file's new
# version to $scratch/index-N, which is input for git update-index.
split_file()
{
	local path=$1 mode=$2 step blob last=
	local dir=$scratch/$path

	step=$(step_of_path "$path")
	rules_for "$path" >"$scratch/file-rules"
	if [ ! -s "$scratch/file-rules" ]; then
		blob=$(tree_git rev-parse "synced:$path")
		printf '%s %s\t%s\n' "$mode" "$blob" "$path" >>"$scratch/index-$step"
		return
	fi

	mkdir -p "$dir"
	tree_git diff --no-ext-diff --no-renames -U1000000 base synced -- "$path" |
		sed '1,/^@@ /d' >"$scratch/listing"
	awk -v path="$path" -v default_step="$step" -v steps=${#names[@]} -v out="$dir" \
		-f "$plan_dir/split.awk" "$scratch/file-rules" "$scratch/listing" >"$scratch/changes" ||
		die "cannot split $path"

	# The version before the first step must be the file of the base, or empty if the base does
	# not have that file.
	{ tree_git cat-file blob "base:$path" 2>/dev/null || true; } | cmp - "$dir/0" >&2 ||
		die "$path without the patches is not that of the base: see $dir/0"
	while read -r step; do
		blob=$(tree_git hash-object -w "$dir/$step")
		last=$blob
		[ ! -s "$dir/$step" ] || printf '%s %s\t%s\n' "$mode" "$blob" "$path" >>"$scratch/index-$step"
	done <"$scratch/changes"
	[ "$last" = "$(tree_git rev-parse "synced:$path")" ] ||
		die "$path after all patches is not that of $tree: compare it with $dir/$step"
}

split_files()
{
	local mode status path
	while read -r _ mode _ _ status path; do
		[[ $status = [AM] ]] || die "$path: the plan has no way to do '$status' to a file"
		split_file "$path" "$mode"
	done < <(tree_git diff-tree -r --no-renames base synced)
}

# Commit one patch after the other, and print the ID of the last commit.
commit_all()
{
	local i commit object last
	commit=$(tree_git rev-parse base)
	last=$(tree_git rev-parse "base^{tree}")
	export GIT_INDEX_FILE=$scratch/index
	tree_git read-tree base
	for ((i = 1; i <= ${#names[@]}; i++)); do
		[ ! -e "$scratch/index-$i" ] || tree_git update-index --add --index-info <"$scratch/index-$i"
		object=$(tree_git write-tree)
		if [ "$object" = "$last" ]; then
			echo "nothing for Linux $base_version in: ${names[i - 1]}" >&2
			continue
		fi
		commit=$(tree_git commit-tree -p "$commit" -F "$(message_of "${names[i - 1]}")" "$object")
		last=$object
	done
	unset GIT_INDEX_FILE

	[ "$last" = "$(tree_git rev-parse "synced^{tree}")" ] || {
		tree_git diff --stat "$last" synced >&2
		die "the tree after the last patch is not that of $tree"
	}
	echo "$commit"
}

# Print what a CPUID exit costs, in instructions, from the tables that make figures wrote: a
# column for each table, i.e. for each machine.
costs()
{
	awk '
		/^\.\. bench exits/	{ inside = 1 }
		/^\.\. bench end/	{ inside = 0 }
		!inside || /^(\.\.|=|$)/ { next }
		/ cpuid +msr /		{ head[++tables] = $1 " " $2; row = 0; next }
		{
			name = substr($0, 1, 20)
			gsub(/`| +$/, "", name)
			if (tables == 1)
				names[++rows] = name
			if (names[++row] != name)
				exit 1
			$0 = substr($0, 21)
			cost[tables, row] = $1
		}
		END {
			if (tables != 3 || rows < 3)
				exit 1
			printf "%-20s", ""
			for (i = 1; i <= tables; i++)
				printf "  %10s", head[i]
			printf "\n"
			for (row = 1; row <= rows; row++) {
				printf "%-20s", names[row]
				for (i = 1; i <= tables; i++)
					printf "  %10s", cost[i, row]
				printf "\n"
			}
		}' "$document"
}

# Print how many times as expensive as the statistics two trace events for each exit are, on VMX.
factor()
{
	awk '{ name = substr($0, 1, 20); $0 = substr($0, 21) }
		name ~ /^enabled 1 /		{ ours = $1 }
		name ~ /^and kvm_entry /	{ events = $1 }
		END { if (ours <= 0 || events <= 0) exit 1; printf "%.0f\n", events / ours }' \
		"$scratch/costs"
}

# Print what the costs were measured with, as the same document has it.
about()
{
	awk '/^\.\. bench end/ { inside = 0 }
		inside && NF { print; found = 1 }
		/^\.\. bench about/ { inside = 1 }
		END { exit !found }' "$document"
}

# Print the version of the base, and that of Debian's package if KERNEL names no other source.
base_name()
{
	local version package=
	version=$(awk -F ' *= *' '/^(VERSION|PATCHLEVEL|SUBLEVEL) / { v = v (v == "" ? "" : ".") $2 }
		/^NAME/ { print v; exit }' "$tree/Makefile")
	[ -n "${KERNEL-}" ] || package=$(cat "$build/source/.versions")
	echo "Linux $version${package:+, as Debian has it in ${package/ / }}"
}

# Print who gets the patches, as headers of a mail: maintainers in To:, reviewers and lists in Cc:
recipients()
{
	local list
	list=$(cd "$tree" && find "$scratch/patches" -name '*.patch' ! -name '0000-*' -print0 | sort -z |
		xargs -0 scripts/get_maintainer.pl --no-tree --no-git --no-git-fallback --rolestats)
	awk '{
			field = / \((reviewer|[a-z ]*list)[:)]/ ? "Cc" : "To"
			sub(/ \([a-z ]+[:)].*$/, "")
			all[field] = all[field] (all[field] == "" ? "" : ",\n    ") $0
		}
		END {
			if (all["To"] == "" || all["Cc"] == "")
				exit 1
			print "To: " all["To"] "\nCc: " all["Cc"]
		}' <<<"$list"
}

# Complete the cover letter of git format-patch: addresses, subject and text.  No patch has
# addresses: git send-email --to-cover --cc-cover takes those of the cover letter for all.
write_cover()
{
	local letter=$scratch/patches/0000-cover-letter.patch
	costs >"$scratch/costs" || die "$document has no tables of costs any more"
	about >"$scratch/about" || die "$document does not tell what the costs are of any more"
	base_name >"$scratch/base"
	factor >"$scratch/factor" || die "$document has no costs of trace events any more"
	recipients >"$scratch/recipients" || die "get_maintainer.pl of $tree does not say who gets this"

	awk -v scratch="$scratch" '
		function insert(file,	line) {
			while ((getline line <(scratch "/" file)) > 0)
				print line
		}
		function one_line(file,	line) {
			getline line <(scratch "/" file)
			close(scratch "/" file)
			return line
		}
		NR == FNR && FNR == 1	{ subject = $0; next }
		NR == FNR		{ text[++lines] = $0; next }
		/\*\*\* SUBJECT HERE \*\*\*/ {
			sub(/\*\*\* SUBJECT HERE \*\*\*/, subject)
			print
			insert("recipients")
			next
		}
		/^\*\*\* BLURB HERE \*\*\*$/ {
			for (i = 2; i <= lines; i++) {
				if (text[i] ~ /^@(costs|about)@$/) {
					insert(substr(text[i], 2, length(text[i]) - 2))
					continue
				}
				gsub(/@factor@/, one_line("factor"), text[i])
				gsub(/@base@/, one_line("base"), text[i])
				print text[i]
			}
			next
		}
		{ print }' "$plan_dir/cover" "$letter" >"$scratch/letter"
	! grep -nE '^@|\*\*\* [A-Z]+ HERE' "$scratch/letter" >&2 ||
		die "the cover letter is not complete: see $scratch/letter"
	mv "$scratch/letter" "$letter"
}

rm -rf "$scratch"
mkdir -p "$scratch"
: >"$scratch/rules"
read_identity
read_plan
check_messages
split_files
commit=$(commit_all)

tree_git format-patch -q --cover-letter --no-renames --full-index --no-signature \
	-o "$scratch/patches" "base..$commit"
write_cover
rm -rf "$target"
mv "$scratch/patches" "$target"
rm -rf "$scratch"
echo "$commit"
