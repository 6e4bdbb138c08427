#!/bin/bash
# boot.sh MACHINE SCENARIO: boot L1, let it run scripts/lab/guest/scenario/SCENARIO.sh,
# and judge the outcome.  Console, results and the emulator's own log are in
# build/run/MACHINE/SCENARIO.  The boot has failed unless the results end in "END"
# and the console shows nothing bad.  Scenario "shell" is an interactive L1 instead.
#
# L1 runs in QEMU with KVM if this machine's CPU is of that vendor and KVM here offers nested
# virtualization.  Otherwise it is emulated, and always for apicv, and for "bench*", which counts
# instructions:
#
#   intel      VMX with EPT, by Bochs
#   amd        SVM, by QEMU, without next RIP, i.e. without fastpath exits
#   amd-bochs  SVM with next RIP, by Bochs; since Bochs 3.0 with a Linux guest, too
#   apicv      VMX with APICv, i.e. with posted interrupts, by Bochs 3.0
#
# From the environment: L1 is the NAME that initramfs.sh was called with, "kernel" by default,
# and takes the place of SCENARIO in build/run.  PARAMETERS are added to the kernel command line.
# LIMIT is the time limit in seconds.  OPTION_ROM is the file of an option ROM for QEMU.  SHARES
# is a list of TAG=DIRECTORY: L1 in QEMU can mount each of these by 9P, read-only.
. "$(dirname "$0")/lib.sh"

machine=$1
scenario=$2
case $machine in
intel)
	flag=vmx module=kvm_intel model=corei7_haswell_4770
	;;
amd)
	flag=svm module=kvm_amd model=
	;;
amd-bochs)
	flag=svm module=kvm_amd model=zambezi
	[ "$(bochs_major)" -lt 3 ] || model=ryzen
	;;
apicv)
	flag=vmx module=kvm_intel model=tigerlake
	[ "$(bochs_major)" -ge 3 ] || die "machine apicv needs Bochs 3.0"
	;;
*)
	die "'$machine' is none of the machines: intel, amd, amd-bochs, apicv"
	;;
esac
l1=$build/l1/${L1:-kernel}
# Defaults for a scenario, which the line "# boot: NAME=VALUE..." at its head overrides: MiB of
# memory, number of CPUs, time limit in seconds, a parameter for the kernel command line
memory=384
cpus=1
limit=400
parameters=
read_needs()
{
	local file=$top/scripts/lab/guest/scenario/$scenario.sh needs need

	[ -f "$file" ] || die "no scenario '$scenario' in scripts/lab/guest/scenario"
	read -ra needs <<<"$(sed -n -e '/^[^#]/q' -e 's/^# boot: //p' "$file")"
	for need in "${needs[@]}"; do
		[[ $need =~ ^((memory|cpus|limit)=[1-9][0-9]*|parameters=.+)$ ]] ||
			die "$file: '$need' is nothing that a scenario can ask for"
		declare -g "$need"
	done
}

if [ "$scenario" = shell ]; then
	limit=86400
else
	read_needs
fi
# How many instructions are one second of Bochs' clock
ips=40000000
# Kernels with KASAN, KCSAN etc. need more memory and time.  More instructions a second leave
# time for work: at the default, handling the timer ticks of L1 and L2 would take all of it.
case ${L1-} in
sanitize | kcsan)
	memory=2048
	ips=400000000
	limit=$((limit < 2400 ? 2400 : limit))
	;;
esac
limit=${LIMIT:-$limit}
out=$build/run/$machine/${L1:-$scenario}
console=$out/console.log
cmdline="console=ttyS0,115200 loglevel=5 log_buf_len=4M norandmaps reboot=t panic=-1 scenario=$scenario $parameters ${PARAMETERS-}"

rm -rf "$out"
mkdir -p "$out"

# Look at the flags of the CPU as well: /dev/kvm can exist where the CPU has neither VMX nor SVM.
have_hardware()
{
	[[ $scenario != bench* && $machine != apicv ]] && grep -qw "$flag" /proc/cpuinfo && [ -w /dev/kvm ] &&
		grep -qsE '^(Y|1)$' "/sys/module/$module/parameters/nested"
}

# boot_qemu ACCELERATOR CPU [OPTION...]
boot_qemu()
{
	local accel=$1 cpu=$2
	local serial=(-serial "file:$console" -serial "file:$out/result.log")
	local share shares=()
	[ "$scenario" != shell ] || serial=(-serial mon:stdio)
	for share in ${SHARES-}; do
		shares+=(-virtfs "local,mount_tag=${share%%=*},path=${share#*=},readonly=on,security_model=none,multidevs=remap")
	done
	shift 2

	timeout --foreground -k 5 "$limit" qemu-system-x86_64 -accel "$accel" -cpu "$cpu" "$@" \
		-smp "cpus=$cpus,sockets=$cpus" -m "$memory" -nodefaults -no-user-config -display none \
		-no-reboot "${serial[@]}" "${shares[@]}" ${OPTION_ROM:+-option-rom "$OPTION_ROM"} \
		-kernel "$l1/bzImage" -initrd "$l1/initrd.cpio" -append "$cmdline"
}

# With one CPU, the clock counts instructions (-icount), as in Bochs.  That does not work with
# several CPUs.  These have to share one thread: with a thread each, a CPU executes code that
# another one has just patched, e.g. breakpoints that are no longer there.
# QEMU (10.0.13) delivers an interrupt that VMRUN injects a second time, even with interrupts off,
# if it stops for one of its timers before the next VM-Exit.  L2 can freeze, and with -icount, it
# does so each time at the same place.  Any PARAMETERS, e.g. "nudge=1", move that place.
# With several CPUs, in a shell, or with SHARES, the clock is the host's: -icount would skip the
# time for which L1 waits for a user or for the host's files.  The host's clock is too uneven
# for L1 to calibrate its TSC, so pass the frequency.
boot_qemu_tcg()
{
	if [ "$cpus" = 1 ] && [ "$scenario" != shell ] && [ -z "${SHARES-}" ]; then
		boot_qemu tcg max,+svm -icount shift=0,sleep=off
	else
		cmdline+=" tsc_early_khz=$(awk '/^cpu MHz/ { printf "%d", $4 * 1000; exit }' /proc/cpuinfo)"
		boot_qemu tcg,thread=single max,+svm
	fi
}

# Write an option ROM that boots at once: without it, the BIOS waits for F12.  The ROM is one
# block of 512 bytes: 55 aa 01, sti, int 19h, retf, and a byte that makes the sum 0 modulo 256.
write_option_rom()
{
	printf '\x55\xaa\x01\xfb\xcd\x19\xcb\x54' >"$out/boot.rom"
	truncate -s 512 "$out/boot.rom"
}

write_iso()
{
	local iso=$out/iso
	mkdir "$iso"
	cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$iso/"
	ln "$l1/initrd.cpio" "$iso/initrd"
	ln "$l1/bzImage" "$iso/bzimage"
	# CPUID in Bochs reports 8 threads, whatever the number of CPUs is.  L1's kernel would
	# warn of that, so have it ignore the flag "ht".
	printf 'default l1\nlabel l1\nkernel bzimage\nappend initrd=initrd clearcpuid=ht %s\n' \
		"$cmdline emulator=bochs" >"$iso/isolinux.cfg"
	xorriso -as mkisofs -quiet -o "$out/l1.iso" -b isolinux.bin -c boot.cat \
		-no-emul-boot -boot-load-size 4 -boot-info-table "$iso" 2>"$out/xorriso.log"
	rm -r "$iso"
}

# Bochs draws L1's screen on a terminal that it makes itself.  The cursor blinks, so after some
# minutes that terminal is full, and Bochs stalls: read from it until Bochs ends.
drain_screen()
{
	local screen='' tries=0

	while [ -z "$screen" ] && ((tries++ < 100)); do
		sleep 0.1
		screen=$(sed -n 's/^Bochs connected to screen "\(.*\)".*/\1/p' "$out/terminal.log" 2>/dev/null) || true
	done
	cat "$screen" >/dev/null 2>&1 || true
}

# Bochs needs another terminal, and stalls if nobody reads from it, hence socat.  Ignore the
# exit status: Bochs takes the reset at the end of L1 for a panic.
boot_bochs()
{
	# With two CPUs, a CPU that was idle may have no timer tick for up to a second when it
	# gets busy.  With PREEMPT_LAZY, no other task runs there until then: keep the tick on.
	[ "$cpus" = 1 ] || cmdline+=" nohz=off"
	write_option_rom
	write_iso
	sed -e "s|@OUT@|$out|g" -e "s|@CPUS@|$cpus|" -e "s|@MEMORY@|$memory|" \
		-e "s|@MODEL@|$model|" -e "s|@IPS@|$ips|" \
		-e "s|@COM1@|$com1|" "$top/scripts/lab/bochsrc.in" >"$out/bochsrc"
	echo c >"$out/continue"
	local bochs="timeout -k 5 $limit bochs-bin -q -f $out/bochsrc -rc $out/continue"
	drain_screen &
	socat -u SYSTEM:"echo \$\$ >$out/pid; exec $bochs",pty,setsid,ctty,stderr \
		CREATE:"$out/terminal.log" 2>/dev/null || true
	wait $!
	rm -f "$out/l1.iso" "$out/boot.rom" "$out/pid"
}

# The file "pid" exists while Bochs runs.  It has the PID of timeout, which passes the signal on.
end_bochs()
{
	[ ! -e "$out/pid" ] || kill "$(<"$out/pid")" 2>/dev/null || true
}

# The console is a pseudo-terminal that socat joins to this one until Bochs ends.
shell_bochs()
{
	{
		tries=0
		while [ ! -e "$out/tty" ] && ((tries++ < 100)); do
			sleep 0.1
		done
		boot_bochs
	} &
	socat -,raw,echo=0,escape=0x1d "pty,raw,echo=0,wait-slave,link=$out/tty" || true
	end_bochs
	wait
}

if [ "$scenario" = shell ]; then
	com1="mode=term, dev=$out/tty"
else
	com1="mode=file, dev=$console"
	touch "$out/result.log"
fi

# Ignore the exit status of the emulator: what L1 has written is the result.
if have_hardware; then
	echo "L1 runs in QEMU, with KVM"
	boot_qemu kvm host || true
elif [ -z "$model" ]; then
	echo "L1 runs in QEMU"
	boot_qemu_tcg || true
elif [ "$scenario" = shell ]; then
	echo "L1 runs in Bochs; 'exit' powers it off, Ctrl-] leaves it at once"
	shell_bochs
else
	echo "L1 runs in Bochs"
	boot_bochs
fi
[ "$scenario" != shell ] || exit 0

section_of "$out/result.log" dmesg >"$out/dmesg.log"

[ -s "$console" ] ||
	die "$machine, scenario $scenario: L1 printed nothing; the emulator's own logs are in ${out#"$PWD"/}"
rc=0
grep -nEf "$top/scripts/lab/bad-console" "$console" "$out/dmesg.log" || rc=$?
[ "$rc" = 1 ] ||
	die "$machine, scenario $scenario: the lines above are bad, in ${out#"$PWD"/} (grep said $rc)"
[ "$(tail -n 1 "$out/result.log")" = END ] ||
	die "$machine, scenario $scenario did not come to its end in $SECONDS s (limit $limit); how far it got is in ${out#"$PWD"/}/{result,console,terminal}.log"
