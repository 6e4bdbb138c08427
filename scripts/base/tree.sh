#!/bin/bash
# tree.sh: make build/linux the patched kernel: the source of the base (Debian's, or that which
# KERNEL names), the new files of this repository at their places, and the patches on top.
# tree.sh diff: write changes made in build/linux back to this repository, and
# regenerate cmpe283-3.diff.
# tree.sh fresh: fail if cmpe283-3.diff is out of date.  Line numbers do not count, as they
# differ between the sources of Debian's releases.  For another base than the default,
# cmpe283-3.diff is in build/BASE.
# tree.sh print: print cmpe283-3.diff with the line numbers of the source in use here.
# tree.sh stock: make build/linux.stock the unpatched source.  Files outside of the directories
# below, which no patch can change, are hard links to those of build/linux.
#
# build/linux is a git tree that tracks the directories below: the tag "base" is the unpatched
# source, the commits on top of it, up to the tag "synced", are made from this repository.
# A difference from "synced", committed or not, is somebody's work, and must not be lost.
. "$(dirname "$0")/lib.sh"

diff_file=$top/cmpe283-3.diff
[ "$base_version" = "$default_base" ] || diff_file=$build/cmpe283-3.diff
tracked=(arch/x86/include arch/x86/kvm include/linux include/uapi virt
	Documentation/ABI/testing Documentation/admin-guide/kernel-parameters.txt
	Documentation/virt MAINTAINERS tools/Makefile tools/kvm
	tools/testing/selftests/kvm)
# Fixed dates for all commits in build/linux, so that equal content is the same commit
export GIT_AUTHOR_DATE="1700000000 +0000" GIT_COMMITTER_DATE="1700000000 +0000"

tree_git()
{
	git -C "$tree" -c user.name=tree -c user.email=tree@localhost "$@"
}

# Print what identifies the source: names, sizes and times.
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
	# Replace the old tree only now: if the new source is unusable, the old tree stays.
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
	# tar -m sets the present time, so that make rebuilds what was built of another source.
	tree_git archive base | tar -xm -C "$stock_tree"
	echo "$stamp" >"$stock_tree/.unpacked"
}

# Print the commit that build/linux should have, made of the new files and the patches of this
# repository.  Dates are fixed, so the commit is the same as long as the sources are.
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

# Print the tree object of build/linux as it is now, including uncommitted changes.
worktree()
{
	export GIT_INDEX_FILE=$tree/.git/worktree-index
	cp "$tree/.git/index" "$GIT_INDEX_FILE"
	tree_git add -A -f -- "${tracked[@]}"
	tree_git write-tree
	unset GIT_INDEX_FILE
}

# Print the paths that were changed in build/linux since it was last in sync.
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

# Check out the given commit in build/linux, and tag it "synced": from now on, a change is a
# difference from this commit.
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

# Write one changed path of build/linux back to this repository: into the patch that changes
# this path already, or else as a new file.  Fail if the base has the file, but no patch does.
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
	# The diff for another base is not in this repository, so it cannot be stale.  Make it here,
	# to check below that it applies.
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
