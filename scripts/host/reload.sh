#!/bin/bash
# make reload: replace KVM's loaded modules by those that modprobe finds now, with the
# parameters that modprobe.d has for them.  If KVM is in use, print who uses it, and change
# nothing.  If the new modules do not load, load the old ones again.
. "$(dirname "$0")/../base/lib.sh"

module_directory=/lib/modules/$(uname -r)
saved=/run/kvm-modules

# Print the vendor module that is loaded, or else the one for this CPU.
vendor()
{
	if [ -d /sys/module/kvm_intel ]; then
		echo kvm-intel
	elif [ -d /sys/module/kvm_amd ]; then
		echo kvm-amd
	elif grep -qw vmx /proc/cpuinfo; then
		echo kvm-intel
	elif grep -qw svm /proc/cpuinfo; then
		echo kvm-amd
	else
		die "this CPU has neither VT-x nor AMD-V (no vmx, no svm in /proc/cpuinfo)"
	fi
}

loaded()
{
	[ -d "/sys/module/${1//-/_}" ]
}

# users REGEX: print the processes that have a file open whose name matches, one in a line.
users()
{
	local fd pid last=

	for fd in /proc/[0-9]*/fd/*; do
		[[ $(readlink "$fd" || true) =~ $1 ]] || continue
		pid=${fd#/proc/}
		pid=${pid%%/*}
		[ "$pid" = "$last" ] || echo "    PID $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
		last=$pid
	done 2>/dev/null
}

# Each module that uses kvm, see holders, has one reference.  The kernel does not tell who has
# the others, e.g. a trace event: only the reference count shows that there are some.
refuse_if_used()
{
	local holders count said

	if loaded "$vendor" && [ "$(<"/sys/module/${vendor//-/_}/refcnt")" != 0 ]; then
		echo "KVM is used by:" >&2
		# /dev/kvm, a VM or a vCPU
		users '^(/dev/kvm|anon_inode:kvm-v.*)$' >&2
		die "$vendor is in use, nothing was changed: end these first"
	fi
	read -ra holders <<<"$(ls -C -w 0 /sys/module/kvm/holders)"
	[ "${holders[*]}" = "${vendor//-/_}" ] || [ -z "${holders[*]}" ] ||
		die "kvm is used by the modules ${holders[*]}, nothing was changed: unload the others first"

	count=$(<"/sys/module/kvm/refcnt")
	[ "$count" -gt ${#holders[@]} ] || return 0
	said=$(users '^(anon_inode:\[perf_event\]|anon_inode:bpf_link|/sys/kernel/debug/kvm/.*)$')
	echo "${said:+"These have perf events, BPF programs or files of KVM in debugfs open:
"}${said:-No process has a perf event, a BPF program or a file of KVM in debugfs open.}" >&2
	die "kvm is in use (refcnt $count, of which ${#holders[@]} by modules), e.g. by a perf or trace" \
		"event of KVM, or a trigger that has one; nothing was changed: end that first"
}

# Print a module file, decompressed.
content()
{
	case $1 in
	*.xz)
		xz -dc "$1"
		;;
	*.zst)
		zstd -dc "$1"
		;;
	*.gz)
		gzip -dc "$1"
		;;
	*)
		cat "$1"
		;;
	esac
}

# hex [ARGUMENT...]: print the input, or what od selects by these arguments, in hexadecimal.
hex()
{
	od -An -v -tx1 "$@" | tr -d ' \n'
}

# Print the ELF notes (sections of type 7) in a file, in hexadecimal.
notes()
{
	local at count type offset size

	at=$(od -An -tu8 -j40 -N8 "$1")
	count=$(od -An -tu2 -j60 -N2 "$1")
	while read -r type _ _ offset size _; do
		((type >> 32 != 7)) || hex -j "$offset" -N "$size" "$1"
	done <<<"$(od -An -v -w64 -tu8 -j $((at)) -N $((count * 64)) "$1")"
}

# file_of NAME: print the file that the module was loaded from.  It has the same build ID.
file_of()
{
	local id file

	id=$(hex "/sys/module/${1//-/_}/notes/.note.gnu.build-id")
	for file in "$saved/$1".ko* "$module_directory"/{updates/{kvm,dkms},kernel/arch/x86/kvm}/"$1".ko*; do
		# A file that is missing or damaged is not the one: look at the next.
		if content "$file" >"$work/module" 2>/dev/null &&
			[[ $(notes "$work/module" 2>/dev/null) == *"$id"* ]]; then
			echo "$file"
			return
		fi
	done
	die "the $1 that is loaded is in none of $saved and $module_directory/{updates,kernel}," \
		"i.e. could not come back; nothing was changed; to go on: modprobe -r $vendor kvm"
}

# save KVM VENDOR: keep copies of these files, to be there when others are installed over them.
save()
{
	local copies=$saved.new

	rm -rf "$copies"
	mkdir -m 700 "$copies"
	cp "$@" "$copies/"
	rm -rf "$saved"
	mv "$copies" "$saved"
}

unload()
{
	local name
	for name in "$vendor" kvm; do
		! loaded "$name" || rmmod "$name" || return
	done
}

# Load the saved modules again, also with the parameters that modprobe.d has: modprobe
# --show-depends prints these at the end of its insmod lines.
restore()
{
	local name options

	unload || true
	for name in kvm "$vendor"; do
		! loaded "$name" || continue
		read -ra options <<<"$(modprobe --show-depends "$vendor" |
			sed -n "s|^insmod [^ ]*/$name\.ko[^ ]*||p")"
		insmod "$saved/$name".ko* "${options[@]}" || return
	done
}

[ "$(id -u)" = 0 ] || die "must be run as root"
vendor=$(vendor)
modprobe --show-depends "$vendor" >/dev/null || die "modprobe finds no $vendor"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# From here on, ignore signals: nothing must end this script while no modules are loaded.
trap '' HUP INT TERM
back=
if loaded "$vendor"; then
	refuse_if_used
	old_kvm=$(file_of kvm)
	old_vendor=$(file_of "$vendor")
	save "$old_kvm" "$old_vendor"
	back=1
	if ! unload; then
		restore || die "the old modules do not unload, nor, from $saved, load again"
		die "the old modules do not unload: they are back"
	fi
elif loaded kvm; then
	refuse_if_used
	rmmod kvm
fi

if ! said=$(modprobe "$vendor" 2>&1); then
	echo "$said" >&2
	echo "The kernel log ends:" >&2
	dmesg | grep -v 'kvm_exit_stats: ' | tail -n 10 | sed 's/^/    /' >&2
	[ -n "$back" ] || die "the modules do not load"
	restore || die "the new modules do not load, and the old ones, in $saved, neither"
	die "the new modules do not load: the old ones are back"
fi

new_kvm=$(modinfo -n kvm)
new_vendor=$(modinfo -n "$vendor")
save "$new_kvm" "$new_vendor"
echo "loaded: $new_kvm, $new_vendor"
