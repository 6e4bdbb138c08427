#!/bin/bash
# make recipe: follow the recipe of make submission command by command: build the kernel of
# a git clone of Linux, which is Debian's source here, with the configuration of L1, install
# it below build/recipe, and instead of the reboot boot it as L1 to look there.
. "$(dirname "$0")/../lab/lib.sh"

scratch=$build/recipe
source=$scratch/debian.git

# Debian's source as a git repository
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
	# A clone has few files then.
	source_git repack -q -a -d --window=0
	echo "$stamp" >"$source/unpacked"
}

source_git()
{
	git --git-dir="$source" -c user.name=recipe -c user.email=recipe@localhost "$@"
}

# The first part as the PDF has it, but for variables
first_part()
{
	sed -n '/^## build$/,/^## /{//!p}' "$top/scripts/course/submission/recipe.sh" |
		sed -e "s|^linux=.*|linux=$source|" -e "s|^diff=.*|diff=$top/cmpe283-3.diff|" \
			-e "s|^commit=.*|commit=$(source_git rev-parse HEAD)|" \
			-e "s|^config=.*|config=$kernel/.config|"
}

# What the machine is kept from: to reboot, and to run the hooks of Debian for a kernel that
# is installed.  A program in ~/bin takes their place; elsewhere another home would have
# another rustc, which goes into the configuration.
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

	# As kernel.sh does, for the compiler cache to have all that it compiled.  The release
	# has to be the same, too: ccache does not see which kernel piggy.S includes, and has
	# one of another release for it if that is as long.  Somebody else may install
	# packages just now.
	export PATH=/usr/lib/ccache:$PATH CCACHE_BASEDIR=$top CCACHE_DEPEND=1
	export LOCALVERSION=
	export KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=kvm KBUILD_BUILD_HOST=exit-stats
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
