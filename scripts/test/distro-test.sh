#!/bin/bash
# make distro-test [SUITE=trixie] [COMMANDS='make run; ...']: do what README.cmpe283 says on a
# fresh installation of that release of Debian: in a directory that debootstrap makes, with a clone
# of what is committed here.  Then print the versions of compilers, emulators etc. there.
. "$(dirname "$0")/lib.sh"
. "$top/scripts/base/apt.sh"

suite=${SUITE:-trixie}
commands=${COMMANDS-make run; make run CPU=amd; make run BASE=7.3; make run BASE=7.3 CPU=amd; make test}
root=$build/distro/$suite
clone=/root/exit-stats

case $suite in
bookworm | trixie) ;;
*)
	die "SUITE is '$suite', must be bookworm or trixie"
	;;
esac
[ "$(id -u)" = 0 ] || die "must be run as root"

make_root()
{
	rm -rf "$root"
	mkdir -p "$root"
	debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$(mirror)"
	# The newest kernel source of a stable release is in its security updates.
	echo "deb http://deb.debian.org/debian-security $suite-security main" \
		>"$root/etc/apt/sources.list.d/security.list"
	cp /etc/resolv.conf "$root/etc/"
	git clone -q "$top" "$root$clone"
}

# inside COMMAND: run a command in that directory, with nothing of this machine but its kernel
inside()
{
	# Make the root a mount point, which unshare needs inside.
	# shellcheck disable=SC2016  # the inner shell's
	unshare --mount --pid --fork --kill-child bash -ec '
		mount --bind "$1" "$1"
		mount -t proc proc "$1/proc"
		mount --rbind --make-rslave /sys "$1/sys"
		mount --rbind --make-rslave /dev "$1/dev"
		exec chroot "$1" /usr/bin/env -i HOME=/root TERM=dumb \
			PATH=/usr/sbin:/usr/bin:/sbin:/bin bash -c "$2"' bash "$root" "$1"
}

# Install what the README asks for.
prepare()
{
	inside "apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y make git"
}

versions()
{
	# shellcheck disable=SC2016  # the inner shell's
	inside 'dpkg-query -W -f "\${Package} \${Version}\n" gcc clang bochs qemu-system-x86 \
		libc6 linux-perf busybox-static 2>/dev/null; cat /root/exit-stats/build/{,7.3/}source/.versions 2>/dev/null'
}

step packages "$top/scripts/base/packages.sh" distro
[ -z "$(git -C "$top" status --porcelain)" ] || echo "changes that are not committed are not in it"
step debootstrap make_root
step prepare prepare
IFS=';' read -ra list <<<"$commands"
for command in "${list[@]}"; do
	command=${command# }
	name=$suite-${command//[^a-zA-Z0-9.]/-}
	if (step "$name" inside "cd $clone && $command"); then
		report ok "$suite: $command"
	else
		report "not ok" "$suite: $command"
	fi
	grep -hE '^ *(ok|not ok|skip) ' "$logs/$name.log" | sed 's/^ */    /' |
		grep -E "not ok|skip|sum of counts|[0-9]+ passed" || true
	tail -n 1 "$logs/$name.log"
done
versions
report_totals
