#!/bin/bash
# make recipe: follow the recipe of make submission command by command: clone Linux, which is
# Debian's source here, build the kernel with the configuration of L1, and install it below
# build/recipe.  In place of the reboot, boot the kernel as L1, and follow the second part there.
. "$(dirname "$0")/../lab/lib.sh"

scratch=$build/recipe
source=$scratch/debian.git

# Make a git repository of Debian's source.
make_source()
{
	local stamp commit
	"$top/scripts/base/tree.sh" stock
	stamp=$(cat "$stock_tree/.unpacked")
	[ "$(cat "$source/unpacked" 2>/dev/null)" != "$stamp" ] || return 0
	rm -rf "$source"
	git init -q --bare "$source"
	source_git --work-tree="$stock_tree" -c core.looseCompression=0 add -A -f
	commit=$(source_git commit-tree -m Debian "$(source_git write-tree)")
	source_git update-ref HEAD "$commit"
	# Pack the objects, so that a clone has few files.
	source_git repack -q -a -d --window=0
	echo "$stamp" >"$source/unpacked"
}

source_git()
{
	git --git-dir="$source" -c user.name=recipe -c user.email=recipe@localhost "$@"
}

# Print the first part of the recipe as the PDF has it, except for the values of variables.
first_part()
{
	sed -n '/^## build$/,/^## /{//!p}' "$top/scripts/course/submission/recipe.sh" |
		sed -e "s|^linux=.*|linux=$source|" -e "s|^diff=.*|diff=$top/cmpe283-3.diff|" \
			-e "s|^commit=.*|commit=$(source_git rev-parse HEAD)|" \
			-e "s|^config=.*|config=$kernel/.config|"
}

# Print functions that keep the recipe from rebooting this machine, and from running Debian's
# hooks for an installed kernel: kbuild prefers ~/bin/installkernel to /sbin/installkernel.
# Only make install has another HOME for that: elsewhere, another HOME could mean another
# rustc, whose version goes into the configuration.
instead()
{
	cat <<-'END'
		reboot()
		{
			echo "here the machine reboots"
		}

		make()
		{
			local home=$HOME
			[[ $* != *install* ]] || home=$INSTALL_PATH/home
			HOME=$home command make "$@"
		}
	END
}

build()
{
	rm -rf "${scratch:?}"/{linux,kernel,installed}
	mkdir -p "$scratch/installed/home/bin"
	cat >"$scratch/installed/home/bin/installkernel" <<-'END'
		#!/bin/sh
		cp "$2" "$4/vmlinuz"
	END
	chmod +x "$scratch/installed/home/bin/installkernel"
	{
		instead
		first_part
	} >"$scratch/build.sh"

	# Set the same as kernel.sh, for ccache to find all that was compiled there.  The kernel
	# release has to be the same, too: ccache does not see which compressed kernel piggy.S
	# includes, and could return an object with one of another release and the same size.
	export PATH=/usr/lib/ccache:$PATH CCACHE_BASEDIR=$top CCACHE_DEPEND=1
	export LOCALVERSION=
	export KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=kvm KBUILD_BUILD_HOST=exit-stats
	# Wait if another process is installing packages and holds the lock.
	echo 'DPkg::Lock::Timeout "120";' >"$scratch/apt.conf"
	export APT_CONFIG=$scratch/apt.conf DEBIAN_FRONTEND=noninteractive
	export INSTALL_PATH=$scratch/installed INSTALL_MOD_PATH=$scratch/installed
	cd "$scratch"
	bash -eux -o pipefail build.sh
	cmp "$scratch/kernel/arch/x86/boot/bzImage" "$scratch/installed/vmlinuz"
	ls "$scratch"/installed/lib/modules/*/kernel/arch/x86/kvm/kvm.ko
}

# With the second part, for the scenario "recipe"
make_initramfs()
{
	rm -rf "$scratch/more"
	mkdir -p "$scratch/more/lib"
	cp "$top/scripts/course/submission/recipe.sh" "$scratch/more/lib/"
	MORE=$scratch/more "$top/scripts/lab/initramfs.sh" recipe recipe/kernel
}

only_default_base
build_kernel
step recipe-packages "$top/scripts/base/packages.sh" submission
step recipe-source make_source
step recipe-build build
step recipe-initramfs make_initramfs
L1=recipe step recipe-look "$top/scripts/lab/boot.sh" amd recipe

echo
result=$build/run/amd/recipe/result.log
sed '/^END$/d; /^---/d' "$result"
! grep -q '^not ok' "$result"
