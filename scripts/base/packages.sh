#!/bin/bash
# packages.sh [tests] [check] [submission] [bench] [host] [distro]: install the Debian packages
# that are missing of those needed to build and to run, and of those that each argument adds:
# "tests" those for tests, checks and plots, "check" further ones for checks, which depend on
# the base, "submission" those that make and read the PDF and the mail, "bench" the tools that
# the statistics are compared with, "host" those that build kernel packages, and "distro" the
# one that makes a directory with another release of Debian.
#
# It installs only on Debian 12 and 13 for amd64, where the names of packages are known.  On
# another system it fails if a package is missing, and lists those that are.
. "$(dirname "$0")/lib.sh"

packages=(
	# the kernel
	gcc libc6-dev make ccache bc bison flex perl
	libelf-dev libssl-dev lz4 xz-utils cpio kmod rsync git patch
	# Few kernels need pahole of this package.  But its version is in the configuration of
	# every kernel, so that all kernels would be built anew if it were installed later.
	dwarves
	# L1 and L2
	bochs bochs-term bochsbios vgabios isolinux syslinux-common xorriso socat
	qemu-system-x86 busybox-static
	# the tool
	libsmartcols-dev libncurses-dev libjson-c-dev pkg-config
)
for group; do
	case $group in
	tests)
		packages+=(
			bats strace tmux jq curl gnuplot-nox libxml2-utils bash-completion locales procps
			clang libclang-rt-dev shellcheck mandoc
			clang-tidy cppcheck sparse coccinelle
			# KVM's selftests of 7.3
			uuid-dev
		)
		;;
	check)
		packages+=(python3 "$clang_of_base")
		;;
	submission)
		packages+=(groff poppler-utils python3)
		;;
	bench)
		packages+=(linux-perf bpftrace)
		;;
	host)
		packages+=(dpkg-dev debhelper)
		;;
	distro)
		packages+=(debootstrap)
		;;
	*)
		die "'$group' is none of: tests, check, submission, bench, host, distro"
		;;
	esac
done

mapfile -t missing < <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' \
	"${packages[@]}" 2>/dev/null | sed -n 's/^installed //p' |
	sort -u | comm -13 - <(printf '%s\n' "${packages[@]}" | sort -u))
[ ${#missing[@]} -gt 0 ] || exit 0

# shellcheck source=/dev/null
system=$(. /etc/os-release && echo "$ID ${VERSION_ID-}")
machine=$(uname -m)
case $system,$machine in
"debian 12,x86_64" | "debian 13,x86_64") ;;
*)
	die "this is '$system' on $machine, and what to install is known for Debian 12 and 13 on" \
		"x86_64 only: install what corresponds there to Debian's ${missing[*]}, and where" \
		"there is no linux-source-$base_version, give Linux $base_version by" \
		"KERNEL=directory or KERNEL=tarball; nothing was changed"
	;;
esac

[ "$(id -u)" = 0 ] || die "need root to install: ${missing[*]}"
echo "installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -q install -y --no-install-recommends "${missing[@]}"
