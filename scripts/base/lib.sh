# shellcheck shell=bash
# Sourced by every script: paths, versions, progress, errors.
# shellcheck disable=SC2034  # used by those who source this
set -euo pipefail
shopt -s inherit_errexit

export LC_ALL=C
# A plain su leaves these out, and dpkg does not work without.
export PATH=$PATH:/usr/sbin:/sbin

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$top/build

# The base is Debian's linux-source of that version.  Of another one than the default,
# all that is built is apart.
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

# The emulator's configuration and kbuild know no way to quote these.
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

# The patches to files of the kernel, in their order
series()
{
	sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$patches/series"
}

# What there is at kernel paths, but not for the kernel: plots, what the tool has for those who
# test it or run it all the time, and what editors leave.  Patterns of paths.
not_in_diff=(
	'Documentation/*.svg'
	tools/kvm/kvm_exit_stat/{GNUmakefile,'bash-completion/*','logrotate/*'}
	tools/kvm/kvm_exit_stat/{'prometheus/*','systemd/*','tests/*'}
	'*.swp'
)

# The files that are new to the kernel, at their paths in the default base
new_files()
{
	local pattern unwanted=()
	for pattern in "${not_in_diff[@]}"; do
		unwanted+=(! -path "$pattern")
	done
	(cd "$top" && find arch Documentation tools -type f "${unwanted[@]}" | sort)
}

# What the kernel calls the directories of the selftests on x86
selftests_arch=x86_64
[ "$base_version" != 7.3 ] || selftests_arch=x86

# That of Debian 12 is too old for 7.3.
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

# A diff without what differs between releases of Debian: where the same lines are in a file
without_places()
{
	sed -E -e '/^index [0-9a-f]{40}\.\./d' \
		-e 's/^@@ -[0-9]+(,[0-9]+)? \+[0-9]+(,[0-9]+)? @@/@@\1\2 @@/'
}

# For what is made of cmpe283-3.diff, or goes into Documentation
only_default_base()
{
	[ "$base_version" = "$default_base" ] ||
		die "BASE is '$base_version', but this is for Linux $default_base only"
}

# For what QUICK=1 on the command line of make makes short
check_quick()
{
	case ${QUICK-} in
	'' | 1) ;;
	*)
		die "QUICK is '$QUICK', must be 1 or not set"
		;;
	esac
}

# step NAME COMMAND...: run it with its output in build/log/NAME.log, show what
# is going on and for how long, and on failure where to look.
step()
{
	local name=$1 log=$logs/$1.log start=$SECONDS pid rc=0 last=0 now
	shift

	printf '%-10s %s\n' "$name" "started, log in ${log#"$PWD"/}"
	# A process group of its own, to end all of it on Ctrl-C
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

# kmake TREE OUT ARGUMENT...: make that kernel there, with the compiler cache, and with
# nothing of this machine in it, nor anything that a second build would not repeat.
kmake()
{
	local tree=$1 out=$2 piggy
	shift 2

	# In depend mode a cold build does not preprocess each file twice.  But ccache does not
	# see then that piggy.S includes the compressed kernel, and has another one for it if
	# that is as long: name it.
	# shellcheck disable=SC2016  # make's
	piggy='AFLAGS_piggy.o=-DKERNEL_$(shell cat arch/x86/boot/compressed/vmlinux.bin.* | md5sum | cut -c -32)'
	CCACHE_BASEDIR=$top CCACHE_DEPEND=1 \
		KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=kvm KBUILD_BUILD_HOST=exit-stats \
		make -C "$tree" O="$out" CC="ccache gcc" LOCALVERSION= "$piggy" "$@"
}
