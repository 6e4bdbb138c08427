#!/bin/bash
# make submission COMMIT=SHA IDS='ID 0123456789 Last, First; ...' [INTERVAL=500] [LINUX=CLONE],
# submission.sh [DIRECTORY] with these in the environment: make what is handed in for CMPE283,
# Assignment 3, in build/submission or DIRECTORY: the diff for COMMIT, the answers as a
# PDF, and a mail with both, whose From: and To: are to be filled in.
#
# LINUX is a git clone of Linux, which is only read.  With LINUX, the diff is made for COMMIT
# of that clone, by a 3-way merge where it does not fit as it is.  Without LINUX, the diff is
# that for Debian's source, and nothing checks that it fits COMMIT.
#
# COMMIT has to be one that others can get, i.e. one in a remote-tracking branch or a tag of the
# clone.  In a bare clone, local branches count, too: nobody commits there, so they are those of
# the repository that was cloned.
. "$(dirname "$0")/../base/lib.sh"

out=${1:-$build/submission}
parts=$top/scripts/course/submission
commit=${COMMIT-}
ids=${IDS-}
interval=${INTERVAL-500}
url=https://git.kernel.org/pub/scm/linux/kernel/git/stable/linux.git
# Each has one item for each person: "ID 0123456789", "Last, First", and what was done
numbers=()
names=()
shares=()

# Bad usage
refuse()
{
	echo "${0##*/}: $*" >&2
	exit 2
}

check_commit()
{
	[ -n "$commit" ] || refuse "no COMMIT: say COMMIT=SHA, that of the Linux source that the diff is for"
	[[ $commit =~ ^[0-9a-f]{40}$ ]] ||
		refuse "COMMIT is '$commit', must be 40 hexadecimal digits, lower-case"
}

check_interval()
{
	[[ $interval =~ ^([1-9][0-9]?|[1-4][0-9][0-9]|500)$ ]] ||
		refuse "INTERVAL is '$interval', must be 1 to 500: a summary every 500 exits at least"
}

read_ids()
{
	local items item i name='[^ ,:]|[^ ,:][^,:]*[^ ,:]'

	[ -n "$ids" ] || refuse "no IDS: say IDS='ID 0123456789 Last, First; ...'"
	[[ $ids != *[[:cntrl:]]* ]] || refuse "IDS has control characters"
	iconv -f UTF-8 -t UTF-8 <<<"$ids" >/dev/null 2>&1 || refuse "IDS is not UTF-8"

	IFS=';' read -ra items <<<"$ids"
	for item in "${items[@]}"; do
		item=${item#"${item%%[! ]*}"}
		item=${item%"${item##*[! ]}"}
		[[ $item =~ ^(ID\ [0-9]{10})\ (($name),\ ($name))(:\ (.+))?$ ]] ||
			refuse "IDS has '$item', must be 'ID', ten digits, 'Last, First', and, if at all, ': what was done'"
		[[ " ${numbers[*]-} " != *" ${BASH_REMATCH[1]} "* ]] ||
			refuse "IDS has '${BASH_REMATCH[1]}' twice"
		numbers+=("${BASH_REMATCH[1]}")
		names+=("${BASH_REMATCH[2]}")
		shares+=("${BASH_REMATCH[6]}")
	done

	for i in "${!shares[@]}"; do
		[ "${shares[i]:+said}" = "${shares[0]:+said}" ] ||
			refuse "IDS says what some did, and not what others did: say it of all, or of nobody"
	done
}

# Run git in LINUX itself, even if that is inside of another repository, or GIT_DIR is set.
linux_git()
{
	env -u GIT_DIR -u GIT_WORK_TREE GIT_CEILING_DIRECTORIES="$(realpath "$LINUX/..")" \
		git -C "$LINUX" "$@"
}

# Whether COMMIT is in any of these refs of the clone
contained_in()
{
	[ -n "$(linux_git for-each-ref --count=1 --contains "$commit" "$@")" ]
}

check_linux()
{
	local public=(refs/remotes refs/tags)

	if [ ! -d "$LINUX" ] || ! linux_git rev-parse --git-dir >/dev/null; then
		refuse "LINUX is '$LINUX', must be a git repository, the clone of Linux that has COMMIT"
	fi
	[ "$(linux_git cat-file -t "$commit" 2>/dev/null)" = commit ] ||
		refuse "COMMIT is '$commit', must be a commit in '$LINUX'"

	if is_bare_clone; then
		public+=(refs/heads)
	fi
	contained_in "${public[@]}" ||
		refuse "COMMIT is '$commit', a local commit of '$LINUX': no remote-tracking branch and no tag has it, so nobody else can get it"
}

is_bare_clone()
{
	[ "$(linux_git rev-parse --is-bare-repository)" = true ] && [ -n "$(linux_git remote)" ]
}

# If a remote of the clone has COMMIT and a public address (https), others get COMMIT from there.
set_url()
{
	local remote found
	while read -r remote; do
		found=$(linux_git remote get-url "$remote")
		[[ $found =~ ^https://[A-Za-z0-9._/~+-]+$ ]] || continue
		if is_bare_clone || contained_in "refs/remotes/$remote"; then
			url=$found
			return
		fi
	done < <(linux_git remote)
}

scratch_git()
{
	env -u GIT_WORK_TREE -u GIT_INDEX_FILE GIT_CONFIG_GLOBAL=/dev/null \
		git --git-dir="$tmp/git" "$@"
}

# Run git in the repository that the diff is made for: LINUX, or else that of Debian's source.
base_git()
{
	if [ -n "${LINUX+set}" ]; then
		linux_git "$@"
	else
		git -C "$tree" "$@"
	fi
}

# Put the files that the diff changes into the index, as the diff's base has them, and print that
# as a tree.  Their objects are copied, and LINUX is no alternate: when git is to write an object
# that an alternate has, it changes the time of the file there, but LINUX is only read.
read_base()
{
	local base=$commit path mode type object
	[ -n "${LINUX+set}" ] || base=base

	scratch_git init -q --bare
	git -C "$tree" rev-parse --path-format=absolute --git-path objects >"$tmp/git/objects/info/alternates"
	# By these attributes, the hunks of the new diff name the C function that they are in.
	cp "$tree/.gitattributes" "$tmp/git/info/attributes"

	git apply --numstat "$tmp/diff" | cut -f 3 >"$tmp/paths"
	while read -r path; do
		read -r mode type object _ < <(base_git ls-tree "$base" "$path") || continue
		git -C "$tree" cat-file -e "base:$path" 2>/dev/null ||
			die "$commit has a $path: it has the diff already, or parts of it"
		base_git cat-file "$type" "$object" | scratch_git hash-object -w --stdin >"$tmp/object"
		scratch_git update-index --add --cacheinfo "$mode,$object,$path"
	done <"$tmp/paths"
	scratch_git write-tree
}

show_conflicts()
{
	local unmerged
	grep '^error:' "$tmp/said" >&2 || true
	mapfile -t unmerged < <(scratch_git ls-files -u | cut -f 2 | uniq)
	[ ${#unmerged[@]} -gt 0 ] || return 0
	mkdir "$tmp/tree"
	scratch_git --work-tree="$tmp/tree" checkout -q --conflict=diff3 -- "${unmerged[@]}"
	scratch_git --work-tree="$tmp/tree" diff --cc -- "${unmerged[@]}" >&2
}

# Apply the diff to its base, set the interval, and write the outcome as a diff.
make_diff()
{
	local base blob kconfig=arch/x86/kvm/Kconfig

	base=$(read_base)
	if ! scratch_git apply --3way --cached --whitespace=nowarn "$tmp/diff" 2>"$tmp/said"; then
		show_conflicts
		die "the diff does not fit $commit: see above; 'ours' is the commit's, 'theirs' the diff's"
	fi

	blob=$(scratch_git cat-file blob ":$kconfig" |
		sed "/^config KVM_EXIT_STATS_INTERVAL\$/,/^config /s/^\tdefault 500\$/\tdefault $interval/" |
		scratch_git hash-object -w --stdin)
	scratch_git update-index --cacheinfo "100644,$blob,$kconfig"
	scratch_git diff --cached --full-index --no-renames "$base" >"$tmp/new/cmpe283-3.diff"
}

# Quote text for groff, so that no character is a command, or becomes a typographic variant.
verbatim()
{
	sed -e 's/\\/\\[rs]/g' -e "s/'/\\\\[aq]/g" -e 's/`/\\[ga]/g' -e 's/\^/\\[ha]/g' \
		-e 's/~/\\[ti]/g' -e 's/^/\\\&/' | preconv -r -e utf-8
}

who()
{
	local i
	for i in "${!numbers[@]}"; do
		echo ".IP \(bu 2"
		verbatim <<<"${names[i]} (${numbers[i]}): ${shares[i]:-took part in everything}"
	done
}

# recipe PART: print the commands of that part, with the variables set, quoted for groff.
recipe()
{
	sed -n "/^## $1\$/,/^## /{//!p}" "$parts/recipe.sh" |
		sed -e "s|^linux=.*|linux=$url|" -e "s|^commit=.*|commit=$commit|" | verbatim
}

make_pdf()
{
	local pdf=$tmp/new/cmpe283-3.pdf
	who >"$tmp/who.ms"
	recipe build >"$tmp/build.ms"
	recipe look >"$tmp/look.ms"
	groff -ms -Tpdf -dpaper=letter -P-pletter -dCOMMIT="$commit" -dINTERVAL="$interval" \
		-dDIR="$tmp" "$parts/answers.ms" >"$pdf" 2>"$tmp/said"
	[ -s "$tmp/said" ] || return 0
	sed -n 's/.*special character .u\(.*\)./U+\1/p' "$tmp/said" >&2
	refuse "IDS has letters that the fonts of the PDF have not, those above: write them in another way"
}

make_mail()
{
	local i
	for i in "${!numbers[@]}"; do
		echo "${numbers[i]} ${names[i]}"
	done | "$parts/mail.py" "$commit" "$tmp/new/cmpe283-3.pdf" "$tmp/new/cmpe283-3.diff" >"$tmp/new/submission.eml"
}

only_default_base
check_commit
check_interval
read_ids
step packages "$top/scripts/base/packages.sh" submission
if [ -n "${LINUX+set}" ]; then
	check_linux
	set_url
fi
step source "$top/scripts/base/tree.sh" fresh

tmp=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' HUP INT TERM
mkdir "$tmp/new"
"$top/scripts/base/tree.sh" print >"$tmp/diff"
make_diff
make_pdf
make_mail
"$parts/grade.py" "$tmp/new/submission.eml" "$tmp/graded"
# Rename the directory as the last step, so that it is complete if it exists.
rm -rf "$out"
mv -T "$tmp/new" "$out"

echo
[ -n "${LINUX+set}" ] || echo "Note: without LINUX= nobody looked whether $commit is what the diff is for."
[ -n "${shares[0]}" ] || echo "Note: by the PDF, all took part in everything; else say IDS='ID ... Last, First: what was done; ...'." >&2
echo "The recipe clones Linux from $url."
echo "Made, in ${out#"$PWD"/}: the mail submission.eml, a draft whose From: and To: are yours to"
echo "fill in, and what is attached to it, cmpe283-3.pdf and cmpe283-3.diff."
