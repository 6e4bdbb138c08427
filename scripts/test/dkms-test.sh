#!/bin/bash
# dkms-test.sh: have Debian's DKMS build what make dkms makes, as if Debian's kernel, its kernel
# for clouds, which has the same version, and the headers of an older kernel were installed: these
# are mounted over this machine's /usr, /var and /etc, and all that is written there goes to
# build/dkms-test.  Needs what swap.sh makes.
. "$(dirname "$0")/lib.sh"
. "$top/scripts/base/apt.sh"

scratch=$build/dkms-test
package=kvm-exit-stats

# The kernels' names
release=$(<"$build/debian/release")
cloud=${release%-amd64}-cloud-amd64
older=$(apt-cache search --names-only '^linux-headers-6\.12\..*-common$' | cut -d' ' -f1 | sort -V |
	grep -vF "$(<"$build/modules/version")" | tail -n 1) ||
	die "Debian serves no older 6.12 to be refused: apt-get update"
older=${older#linux-headers-}
older=${older%-common}-amd64

make_root()
{
	local dir image

	use_suite ''
	image=$(image_of "$cloud")
	"$top/scripts/base/fetch.sh" dkms-packages dkms "$image" "linux-headers-$cloud" \
		"linux-headers-$older" "linux-headers-${older%-amd64}-common" \
		"linux-kbuild-${older%-amd64}"
	rm -rf "$scratch"
	mkdir -p "$scratch"/{lower/{usr/lib,etc},{usr,var,etc}.{upper,work}}
	for dir in "$build"/{debian,dkms-packages}; do
		cp -al "$dir/usr/." "$scratch/lower/usr/"
		cp -al "$dir/lib/." "$scratch/lower/usr/lib/"
	done
	cp -a "$build/dkms-packages/etc/dkms" "$scratch/lower/etc/"
	mkdir -p "$scratch/lower/var/lib/dkms"
	depmod -b "$scratch/lower/usr" "$cloud"
}

# inside COMMAND...: run a command with these mounts, where changes by earlier commands remain
inside()
{
	# shellcheck disable=SC2016  # the inner shell's
	PATH=/usr/lib/ccache:$PATH CCACHE_BASEDIR=/ CCACHE_DEPEND=1 unshare -m bash -euc '
		scratch=$0
		for dir in usr var etc; do
			mount -t overlay -o "lowerdir=$scratch/lower/$dir:/$dir,upperdir=$scratch/$dir.upper,workdir=$scratch/$dir.work" \
				overlay "/$dir"
		done
		exec "$@"' "$scratch" "$@"
}

# fails_with TEXT COMMAND...
fails_with()
{
	local said rc=0
	said=$(inside "${@:2}" 2>&1) || rc=$?
	echo "$said"
	[ "$rc" != 0 ] && grep -qF -- "$1" <<<"$said"
}

# takes RELEASE DIRECTORY: whether modprobe takes KVM from that directory
takes()
{
	inside modprobe -S "$1" --show-depends kvm-amd >"$scratch/depends"
	cat "$scratch/depends"
	[ "$(grep -c "/$1/$2/kvm\(-amd\)\?\.ko" "$scratch/depends")" = 2 ]
}

# is_patched RELEASE: whether DKMS's modules for that kernel are the patched ones
is_patched()
{
	local dir=$scratch/usr.upper/lib/modules/$1/updates/dkms name

	ls "$dir"
	for name in kvm kvm-intel kvm-amd; do
		[[ $(modinfo -F vermagic "$dir/$name.ko.xz") = "$1 "* ]] || return
	done
	xz -dc "$dir/kvm.ko.xz" >"$scratch/kvm.ko"
	nm "$scratch/kvm.ko" | grep -w kvm_exit_stats_init
}

nothing_for()
{
	[ ! -e "$scratch/usr.upper/lib/modules/$1/updates" ]
}

make_root
KDIR=$build/debian/usr/src/linux-headers-$release
export KDIR

check "a source tree is made" "$top/scripts/host/dkms.sh"
tree=$(echo "$build/dkms/$package"-*)
version=${tree##*"$package-"}
check "DKMS takes it" inside dkms add "$tree"
check "a kernel of another version is refused" fails_with "BUILD_EXCLUSIVE" \
	dkms build "$package/$version" -k "$older"
check "its headers are refused, too" fails_with "KVM's source of $(<"$build/modules/version")" \
	"$tree/build-kvm.sh" "$tree" "/usr/src/linux-headers-$older"

check "DKMS installs for Debian's kernel" inside dkms install "$package/$version" -k "$release"
check "the modules are the patched ones" is_patched "$release"
check "modprobe takes them" takes "$release" updates/dkms
check "make modules_install beside them is refused" fails_with "by DKMS, nothing was changed" \
	"$top/scripts/host/modules.sh" install

check "a kernel of the same version comes, and has its own" inside dkms autoinstall -k "$cloud"
check "these are the patched ones" is_patched "$cloud"
check "modprobe takes these" takes "$cloud" updates/dkms
check "a kernel of another version comes, and is left alone" inside dkms autoinstall -k "$older"
check "it has no module" nothing_for "$older"

check "DKMS removes all" inside dkms remove "$package/$version" --all
check "Debian's kernel has its own KVM again" takes "$release" kernel/arch/x86/kvm
check "make modules_install works then" inside "$top/scripts/host/modules.sh" install
inside dkms add "$tree" >/dev/null
inside dkms build "$package/$version" -k "$release" >/dev/null
check "DKMS does not install beside that" fails_with "first make modules_uninstall" \
	dkms install "$package/$version" -k "$release"
