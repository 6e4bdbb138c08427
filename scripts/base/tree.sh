#!/bin/bash
# tree.sh: make build/linux the patched kernel: Debian's source, the new files of
# this repository at their places, and the series of patches on top.
# tree.sh diff: write changes made in build/linux back to this repository, and
# regenerate cmpe283-3.diff.
# tree.sh fresh: fail if cmpe283-3.diff is not what the sources make of it, wherever the lines
# are in the files of this release of Debian.  For another base than the default,
# cmpe283-3.diff is in build/BASE.
# tree.sh print: print cmpe283-3.diff, as it is for the source of this release of Debian.
# tree.sh stock: make build/linux.stock Debian's source as it is.  What no patch can touch
# is shared with build/linux.
#
# build/linux is a git tree that tracks the directories below: "base" is Debian's
# source, the commits on top are made from this repository, up to "synced".  What
# differs from that, committed or not, is work that must not be lost.
. "$(dirname "$0")/lib.sh"

diff_file=$top/cmpe283-3.diff
[ "$base_version" = "$default_base" ] || diff_file=$build/cmpe283-3.diff
tracked=(arch/x86/include arch/x86/kvm include/linux include/uapi virt
	Documentation/ABI/testing Documentation/admin-guide/kernel-parameters.txt
	Documentation/virt MAINTAINERS tools/Makefile tools/kvm
	tools/testing/selftests/kvm)
# Of all commits in build/linux, for equal content to be the same commit
export GIT_AUTHOR_DATE="1700000000 +0000" GIT_COMMITTER_DATE="1700000000 +0000"

tree_git()
{
	git -C "$tree" -c user.name=tree -c user.email=tree@localhost "$@"
}

# What tells one source from another
stamp()
{
	stat -c %n-%s-%Y "$source" "$source/Makefile" 2>/dev/null || true
}

# unpack_into DIRECTORY
unpack_into()
{
	if [ -d "$source" ]; then
		[ ! -e "$source/.config" ] || die "KERNEL is '$source', which was built in: make mrproper"
		tar -cf - --exclude=.git -C "$source" . | tar -xf - -C "$1"
	else
		tar -xf "$source" -C "$1" --strip-components=1 || die "'$source' is no tarball"
	fi
	[ -d "$1/arch/x86/kvm" ] || die "'$source' has no kernel source: no arch/x86/kvm"
}

unpack()
{
	local stamp
	stamp=$(stamp)

	if [ -d "$tree/.git" ]; then
		[ "$(cat "$tree/.git/source" 2>/dev/null)" != "$stamp" ] || return 0
		no_changes
	fi

	local target=$tree path
	rm -rf "$tree.new"
	tree=$tree.new
	mkdir -p "$tree"
	unpack_into "$tree"
	git init -q -b work "$tree"
	git -C "$tree" config status.showUntrackedFiles no
	for path in "${tracked[@]}"; do
		[ ! -e "$tree/$path" ] || tree_git add -f "$path"
	done
	tree_git commit -q -m base
	tree_git tag base
	tree_git tag synced
	echo "$stamp" >"$tree/.git/source"
	# Whatever was wrong with the source, the old tree is still there.
	rm -rf "$target"
	mv "$tree" "$target"
	tree=$target
}

unpack_stock()
{
	local stamp
	stamp=$(stamp)
	[ "$(cat "$stock_tree/.unpacked" 2>/dev/null)" != "$stamp" ] || return 0
	unpack
	rm -rf "$stock_tree"
	cp -al "$tree" "$stock_tree"
	rm -rf "$stock_tree/.git"
	tree_git ls-files -z | (cd "$stock_tree" && xargs -0 rm -f)
	# As of now, for what was made of another source to be made anew
	tree_git archive base | tar -xm -C "$stock_tree"
	echo "$stamp" >"$stock_tree/.unpacked"
}

# Print the commit that this repository asks for.  Fixed dates make it the same
# each time that the sources are.
wanted_commit()
{
	local commit path mode blob object patch index=$tree/.git/wanted-index
	rm -f "$index"
	export GIT_INDEX_FILE=$index

	tree_git read-tree base
	while read -r path; do
		mode=100644
		[ ! -x "$top/$path" ] || mode=100755
		blob=$(tree_git hash-object -w "$top/$path")
		tree_git update-index --add --cacheinfo "$mode,$blob,$(path_in_tree "$path")"
	done < <(new_files)
	object=$(tree_git write-tree)
	commit=$(tree_git commit-tree -p base -m "New files" "$object")

	while read -r patch; do
		tree_git apply --cached "$patches/$patch" >&2 ||
			die "$patches/$patch does not apply to $source"
		object=$(tree_git write-tree)
		commit=$(tree_git commit-tree -p "$commit" -m "$patch" "$object")
	done < <(series)

	unset GIT_INDEX_FILE
	echo "$commit"
}

# The tree object of build/linux as it stands, uncommitted changes included
worktree()
{
	export GIT_INDEX_FILE=$tree/.git/worktree-index
	cp "$tree/.git/index" "$GIT_INDEX_FILE"
	tree_git add -A -f -- "${tracked[@]}"
	tree_git write-tree
	unset GIT_INDEX_FILE
}

# The paths that were changed in build/linux since it was made
changed_paths()
{
	local now
	now=$(worktree)
	tree_git diff --name-only --no-renames synced "$now"
}

no_changes()
{
	local paths
	paths=$(changed_paths)
	[ -z "$paths" ] ||
		die "$tree has changes that are not in this repository: run make diff first"
}

# Make build/linux the given commit, and that the one that changes are seen from.
set_tree()
{
	tree_git checkout -q -f -B work "$1"
	tree_git tag -f synced "$1" >/dev/null
}

sync_tree()
{
	local commit synced
	commit=$(wanted_commit)
	synced=$(tree_git rev-parse synced)
	[ "$commit" != "$synced" ] || return 0
	no_changes
	set_tree "$commit"
}

# Bring one changed path of build/linux over.  What a patch has already goes into that
# patch, anything else is a new file, unless the base has it.
write_back_path()
{
	local path=$1 now=$2 patch files ours

	while read -r patch; do
		mapfile -t files < <(tree_git apply --numstat "$patches/$patch" | cut -f 3)
		if printf '%s\n' "${files[@]}" | grep -xF "$path" >/dev/null; then
			{
				sed '/^diff --git /,$d' "$patches/$patch"
				tree_git diff --full-index base "$now" -- "${files[@]}"
			} >"$build/patch"
			mv "$build/patch" "$patches/$patch"
			return
		fi
	done < <(series)

	! tree_git cat-file -e "base:$path" 2>/dev/null ||
		die "$path is changed, but no patch in $patches has it: add it to one by hand"
	ours=$(path_here "$path")
	if [ -e "$tree/$path" ]; then
		mkdir -p "$(dirname "$top/$ours")"
		cp -p "$tree/$path" "$top/$ours"
	else
		rm -f "$top/$ours"
	fi
}

write_back()
{
	local now wanted changed path
	changed=$(changed_paths)
	[ -n "$changed" ] || return 0
	now=$(worktree)
	wanted=$(wanted_commit)

	while read -r path; do
		tree_git diff --quiet synced "$wanted" -- "$path" ||
			tree_git diff --quiet "$now" "$wanted" -- "$path" ||
			die "$path is changed both in $tree and in this repository: make them the same by hand"
	done <<<"$changed"
	while read -r path; do
		write_back_path "$path" "$now"
	done <<<"$changed"

	wanted=$(wanted_commit)
	set_tree "$wanted"
}

whole_diff()
{
	local commit
	commit=$(wanted_commit)
	tree_git diff --full-index --no-renames base "$commit"
}

source=$("$top/scripts/base/source.sh")
case ${1-} in
'')
	unpack
	sync_tree
	;;
diff)
	unpack
	write_back
	sync_tree
	whole_diff >"$diff_file"
	;;
fresh)
	unpack
	# That of another base is not kept, i.e. never stale, but must apply, too.
	[ "$base_version" = "$default_base" ] || whole_diff >"$diff_file"
	cmp -s <(whole_diff | without_places) <(without_places <"$diff_file") ||
		die "cmpe283-3.diff is stale: run make diff"
	export GIT_INDEX_FILE=$tree/.git/fresh-index
	tree_git read-tree base
	tree_git apply --cached --check "$diff_file" ||
		die "cmpe283-3.diff does not apply to $source"
	;;
print)
	unpack
	whole_diff
	;;
stock)
	unpack_stock
	;;
*)
	die "'$1' is none of: diff, fresh, print, stock"
	;;
esac
