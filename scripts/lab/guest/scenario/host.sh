# shellcheck shell=sh
# boot: memory=3072 limit=3000
# A host with Debian's kernel: run the commands of section "On a real host" in /lib/host-readme.
# The root directory is an overlay: what is written, mostly by compilers, is in memory, below that
# are the files of Debian's kernel, then those of the machine that the emulator runs on.  "top="
# on the kernel command line is the path of the repository.
. /lib/l1.sh
top=${top:?}

# share TAG DIRECTORY
share()
{
	mkdir -p "$2"
	mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=524288 "$1" "$2"
}

on_host()
{
	chroot /root /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		/bin/bash -c "cd '$top' && $1" </dev/null
}

for module in 9pnet_virtio 9p overlay; do
	/sbin/modprobe $module
done
share host /host
share kernel /kernel
mkdir -p /memory /root
mount -t tmpfs -o size=75% tmpfs /memory
mkdir /memory/upper /memory/work
mount -t overlay -o lowerdir=/kernel:/host,upperdir=/memory/upper,workdir=/memory/work \
	overlay /root
for dir in proc sys dev sys/kernel/debug; do
	mount --bind /$dir /root/$dir
done
mount -t tmpfs tmpfs /root/run
ln -s /proc/self/fd /dev/fd

# Make this a host that has built no modules yet, and has loaded its own KVM at boot.
rm -rf "/root$top/build/modules"
on_host "modprobe $(vendor)"
check "the host has no statistics" [ ! -e "$STATS" ]

awk '/^---/ { section = line } { line = $0 }
	section == "On a real host" && sub(/^    /, "")' /lib/host-readme >commands
check "there is something to do" [ -s commands ]
while read -r command; do
	before=$(cut -d. -f1 /proc/uptime)
	status=0
	echo "# $command"
	on_host "$command" >said 2>&1 || status=$?
	tail -n 30 said
	check "$command ($(($(cut -d. -f1 /proc/uptime) - before)) s)" [ $status = 0 ]
	case $command in
	"make reload"*)
		ls "$STATS" >>statistics 2>/dev/null || echo none >>statistics
		;;
	esac
done <commands
check "there were statistics, and are none in the end" \
	[ "$(sed -n '1p;$p' statistics | tr '\n' ' ')" = "clock_warps none " ]
