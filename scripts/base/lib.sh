# shellcheck shell=bash
# Sourced by every script: paths, versions, progress, errors.
# shellcheck disable=SC2034  # used by those who source this
set -euo pipefail
shopt -s inherit_errexit

export LC_ALL=C
# After su without "-", PATH does not have these directories, whose programs dpkg needs.
export PATH=$PATH:/usr/sbin:/sbin

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$top/build

# The base is the kernel that is patched: Debian's linux-source of that version, if KERNEL
# names no other source.  What is built for another base than the default is in build/BASE.
default_base=6.12
base_version=${BASE:-$default_base}
if [[ ${BASE-} = */* || -n ${BASE-} && ! -f $top/scripts/base/patches/$BASE/series ]]; then
	echo "BASE is '$BASE', but patches are there for these only:" \
		"$(cd "$top/scripts/base/patches" && echo *)" >&2
	exit 1
fi
[ "$base_version" = "$default_base" ] || build=$build/$base_version

logs=$build/log
patches=$top/scripts/base/patches/$base_version
tree=$build/linux
stock_tree=$build/linux.stock
kernel=$build/kernel
tool=$build/tools/kvm/kvm_exit_stat/kvm_exit_stat

jobs=$(($(nproc) + 1))

# Neither the emulators' configuration nor kbuild can quote these characters in a path.
case $top in
*[[:space:]:,\;\|\&\"\'\\]*)
	echo "'$top': the path of this directory must have no blank, quote or any of : , ; | & \\" >&2
	exit 1
	;;
esac

mkdir -p "$logs"

die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

# Print the names of the patches to files that the kernel has, in the order to apply them.
series()
{
	sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$patches/series"
}

# Patterns of paths, for find: files that lie here at kernel paths, but are not part of the
# patch, i.e. plots, the tool's tests and its files for an installation, editors' swap files
not_in_diff=(
	'Documentation/*.svg'
	tools/kvm/kvm_exit_stat/{GNUmakefile,'bash-completion/*','logrotate/*'}
	tools/kvm/kvm_exit_stat/{'prometheus/*','systemd/*','tests/*'}
	'*.swp'
)

# Print the files that are new to the kernel, with their paths in the default base.
new_files()
{
	local pattern unwanted=()
	for pattern in "${not_in_diff[@]}"; do
		unwanted+=(! -path "$pattern")
	done
	(cd "$top" && find arch Documentation tools -type f "${unwanted[@]}" | sort)
}

# The kernel's name for the directories of KVM's selftests on x86: it was changed before 7.3.
selftests_arch=x86_64
[ "$base_version" != 7.3 ] || selftests_arch=x86

# The clang of Debian 12 is too old to build Linux 7.3.
clang_of_base=clang
[ "$base_version" != 7.3 ] || clang_of_base=clang-19

# path_in_tree PATH, path_here PATH: where a new file is in build/linux, and in this repository
path_in_tree()
{
	rename_selftest "$1" x86_64 "$selftests_arch"
}

path_here()
{
	rename_selftest "$1" "$selftests_arch" x86_64
}

rename_selftest()
{
	case $1 in
	tools/testing/selftests/*)
		echo "${1/"/$2/"//$3/}"
		;;
	*)
		echo "$1"
		;;
	esac
}

# Remove from a diff what differs between the kernel sources of Debian's releases although the
# change is the same: blob IDs and line numbers.
without_places()
{
	sed -E -e '/^index [0-9a-f]{40}\.\./d' \
		-e 's/^@@ -[0-9]+(,[0-9]+)? \+[0-9]+(,[0-9]+)? @@/@@\1\2 @@/'
}

# For scripts that cannot do their job for another base, e.g. as they write Documentation
only_default_base()
{
	[ "$base_version" = "$default_base" ] ||
		die "BASE is '$base_version', but this is for Linux $default_base only"
}

# For scripts that do less if QUICK=1 is on the command line of make
check_quick()
{
	case ${QUICK-} in
	'' | 1) ;;
	*)
		die "QUICK is '$QUICK', must be 1 or not set"
		;;
	esac
}

# step NAME COMMAND...: run the command with its output in build/log/NAME.log, show every
# 15 s how long it has run and the last line of the log, and on failure the end of the log.
step()
{
	local name=$1 log=$logs/$1.log start=$SECONDS pid rc=0 last=0 now
	shift

	printf '%-10s %s\n' "$name" "started, log in ${log#"$PWD"/}"
	# Job control gives the command a process group: Ctrl-C can end all of its processes.
	set -m
	"$@" >"$log" 2>&1 </dev/null &
	set +m
	pid=$!
	trap 'kill -TERM -- "-$pid" 2>/dev/null; exit 130' INT TERM

	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		now=$((SECONDS - start))
		if ((now >= last + 15)); then
			last=$now
			printf '%-10s %4d s  %s\n' "$name" "$now" \
				"$(tail -n 1 "$log" | tr -d '\r' | cut -c 1-60)"
		fi
	done

	wait "$pid" || rc=$?
	trap - INT TERM
	now=$((SECONDS - start))
	if ((rc)); then
		printf '%-10s %4d s  FAILED with status %d; the log ends:\n' \
			"$name" "$now" "$rc" >&2
		tail -n 15 "$log" | sed 's/^/    /' >&2
		echo "    whole log: $log" >&2
		exit 1
	fi
	printf '%-10s %4d s  done\n' "$name" "$now"
}

# kmake TREE OUT ARGUMENT...: run make for the kernel source TREE in the directory OUT, with
# the compiler cache.  For the build to be reproducible, time, user and host are fixed.
kmake()
{
	local tree=$1 out=$2 piggy
	shift 2

	# In depend mode, ccache does not preprocess a file before it is compiled, which saves
	# time if the cache is cold.  But then ccache does not see that piggy.S includes the
	# compressed kernel, and may return an object with another kernel of the same size.  So
	# the command line has a checksum of that kernel.
	# shellcheck disable=SC2016  # for make to expand
	piggy='AFLAGS_piggy.o=-DKERNEL_$(shell cat arch/x86/boot/compressed/vmlinux.bin.* | md5sum | cut -c -32)'
	CCACHE_BASEDIR=$top CCACHE_DEPEND=1 \
		KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=kvm KBUILD_BUILD_HOST=exit-stats \
		make -C "$tree" O="$out" CC="ccache gcc" LOCALVERSION= "$piggy" "$@"
}
