#!/bin/bash
# boot.sh SCENARIO: boot L1, let it run scripts/guest/scenario/SCENARIO.sh, and
# judge the outcome.  Console, results and the emulator's own log are in
# build/run/SCENARIO.  The boot has failed unless the results end in "END" and
# the console shows nothing bad.  Scenario "shell" is an interactive L1 instead.
#
# L1 runs in QEMU on hardware that has VMX and lends it to guests, in Bochs else,
# and for "bench", which is about instructions.
. "$(dirname "$0")/lib.sh"

scenario=$1
cpus=1
[ "$scenario" != selftest ] || cpus=2
megs=320
limit=400
out=$build/run/$scenario
console=$out/console.log
cmdline="console=ttyS0,115200 loglevel=5 log_buf_len=4M norandmaps reboot=t panic=-1 scenario=$scenario"

rm -rf "$out"
mkdir -p "$out"

# /dev/kvm alone says nothing: it may be there on a CPU that shows no VMX.
have_nested_vmx()
{
	[ "$scenario" != bench ] && grep -qw vmx /proc/cpuinfo && [ -w /dev/kvm ] &&
		grep -qsE '^(Y|1)$' /sys/module/kvm_intel/parameters/nested
}

boot_qemu()
{
	local serial=(-serial "file:$console" -serial "file:$out/result.log")
	[ "$scenario" != shell ] || serial=(-serial mon:stdio)

	timeout --foreground -k 5 "$limit" qemu-system-x86_64 -accel kvm -cpu host \
		-smp "$cpus" -m "$megs" -nodefaults -no-user-config -display none \
		-no-reboot "${serial[@]}" -kernel "$kernel/arch/x86/boot/bzImage" \
		-initrd "$build/l1/initrd.cpio" -append "$cmdline"
}

# An option ROM that boots at once: the BIOS would wait for F12 else.  It is one
# block of 512 bytes, 55 aa 01, sti, int 19h, retf, that add up to 0.
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
	ln "$build/l1/initrd.cpio" "$iso/initrd"
	cp "$kernel/arch/x86/boot/bzImage" "$iso/bzimage"
	# Bochs' CPU claims 8 threads and has as many as it is told: that is worth
	# a warning of L1's kernel, unless it does not look.
	printf 'default l1\nlabel l1\nkernel bzimage\nappend initrd=initrd clearcpuid=ht %s\n' \
		"$cmdline" >"$iso/isolinux.cfg"
	xorriso -as mkisofs -quiet -o "$out/l1.iso" -b isolinux.bin -c boot.cat \
		-no-emul-boot -boot-load-size 4 -boot-info-table "$iso" 2>"$out/xorriso.log"
	rm -r "$iso"
}

# boot_bochs COM1: Bochs wants a terminal, and stalls unless somebody reads it,
# hence socat.  The exit status says nothing: L1's end counts as a panic.
boot_bochs()
{
	write_option_rom
	write_iso
	sed -e "s|@OUT@|$out|g" -e "s|@CPUS@|$cpus|" -e "s|@MEGS@|$megs|" \
		-e "s|@COM1@|$1|" "$top/scripts/bochsrc.in" >"$out/bochsrc"
	echo c >"$out/continue"
	socat -u EXEC:"timeout -k 5 $limit bochs-bin -q -f $out/bochsrc -rc $out/continue",pty,setsid,ctty,stderr \
		CREATE:"$out/terminal.log" 2>/dev/null || true
	rm -f "$out/l1.iso" "$out/boot.rom"
}

# The console is a pseudo-terminal that socat joins to this one until Bochs ends.
shell_bochs()
{
	{
		tries=0
		while [ ! -e "$out/tty" ] && ((tries++ < 100)); do
			sleep 0.1
		done
		boot_bochs "mode=term, dev=$out/tty"
	} &
	echo "Bochs is starting; 'exit' powers L1 off, Ctrl-] leaves it at once."
	socat -,raw,echo=0,escape=0x1d "pty,raw,echo=0,wait-slave,link=$out/tty" || true
	pkill -f "$out/bochsrc" || true
	wait
}

if [ "$scenario" = shell ]; then
	limit=86400
	if have_nested_vmx; then
		boot_qemu
	else
		shell_bochs
	fi
	exit
fi

[ -f "$top/scripts/guest/scenario/$scenario.sh" ] ||
	die "no scenario '$scenario' in scripts/guest/scenario"
touch "$out/result.log"
if have_nested_vmx; then
	echo "L1 runs in QEMU, with KVM"
	boot_qemu || true
else
	echo "L1 runs in Bochs"
	boot_bochs "mode=file, dev=$console"
fi

sed -n '/^--- dmesg$/,/^END$/{/^--- dmesg$/d;/^END$/d;p}' "$out/result.log" >"$out/dmesg.log"

[ -s "$console" ] ||
	die "scenario $scenario: L1 printed nothing; the emulator's own logs are in ${out#"$PWD"/}"
rc=0
grep -nEf "$top/scripts/bad-console" "$console" "$out/dmesg.log" || rc=$?
[ "$rc" = 1 ] ||
	die "scenario $scenario: the lines above are bad, in ${out#"$PWD"/} (grep said $rc)"
[ "$(tail -n 1 "$out/result.log")" = END ] ||
	die "scenario $scenario did not come to its end in $SECONDS s (limit $limit); how far it got is in ${out#"$PWD"/}/{result,console,terminal}.log"
