# shellcheck shell=bash
# Sourced by every script: paths, versions, progress, errors.
# shellcheck disable=SC2034  # used by those who source this
set -euo pipefail
shopt -s inherit_errexit

export LC_ALL=C
# A plain su leaves these out, and dpkg does not work without.
export PATH=$PATH:/usr/sbin:/sbin

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$top/build

# The base is Debian's linux-source of that version.  Of another one than the default,
# all that is built is apart.
default_base=6.12
base_version=${BASE:-$default_base}
if [[ ${BASE-} = */* || -n ${BASE-} && ! -f $top/scripts/patches/$BASE/series ]]; then
	echo "BASE is '$BASE', but patches are there for these only:" \
		"$(cd "$top/scripts/patches" && echo *)" >&2
	exit 1
fi
[ "$base_version" = "$default_base" ] || build=$build/$base_version

logs=$build/log
patches=$top/scripts/patches/$base_version
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

# The files that are new to the kernel, at their paths in the default base
new_files()
{
	(cd "$top" && find arch Documentation tools -type f ! -name '*.swp' | sort)
}

# What the kernel calls the directories of the selftests on x86
selftests_arch=x86_64
[ "$base_version" != 7.3 ] || selftests_arch=x86

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

# For what is made of cmpe283-3.diff, or goes into Documentation
only_default_base()
{
	[ "$base_version" = "$default_base" ] ||
		die "BASE is '$base_version', but this is for Linux $default_base only"
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

# section_of FILE NAME: what L1 printed in its results after "--- NAME"
section_of()
{
	tr -d '\r' <"$1" | sed -n "/^--- $2\$/,/^\(--- .*\|END\)\$/p" | sed '1d;$d'
}

# check NAME COMMAND...: a test, for suites; what COMMAND prints is shown if it fails
check()
{
	local name=$1 said rc=0
	shift

	said=$("$@" 2>&1) || rc=$?
	if [ "$rc" = 0 ]; then
		echo "ok $name"
		return
	fi
	echo "not ok $name"
	printf '%s\n' "${said:-"$* ended with status $rc"}" | head -n 20 | sed 's/^/    # /'
}

# tidy_plots FILE...: gnuplot leaves blanks, and a blank line, where no patch may have them.
tidy_plots()
{
	sed -i -s -e 's/ *$//' -e '${/^$/d}' "$@"
}

# The machine of boot.sh that CPU= on the command line of make asks for
machine_of_cpu()
{
	case ${CPU=intel} in
	intel | amd)
		echo "$CPU"
		;;
	*)
		die "CPU is '$CPU', must be intel or amd"
		;;
	esac
}

# The kernel of L1 and the tool.  What else goes into the initramfs is up to the caller.
build_kernel()
{
	step packages "$top/scripts/packages.sh"
	step source "$top/scripts/tree.sh"
	step kernel "$top/scripts/kernel.sh" kernel base,kvm,exit_stats bzImage modules
	step tool "$top/scripts/tool.sh"
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

bochs_major()
{
	# shellcheck disable=SC2016  # dpkg's
	dpkg-query -W -f '${Version}' bochs | cut -d . -f 1
}

# kvm_only NAME FRAGMENTS: KVM's modules alone, into build/NAME, for a kernel that is there
kvm_only()
{
	"$top/scripts/kernel.sh" "$1" "$2" KBUILD_MODPOST_WARN=1 arch/x86/kvm/kvm{,-intel,-amd}.ko
}

# kvm_with NAME FRAGMENTS COMMAND...: the same, of the patched source as COMMAND edits it.
# What is equal is shared with it.
kvm_with()
{
	local other=$build/linux.$1 name=$1 fragments=$2
	shift 2

	rm -rf "$other"
	cp -al "$tree" "$other"
	rm -rf "$other/.git"
	(cd "$other" && "$@")
	TREE=$other kvm_only "$name" "$fragments"
}
