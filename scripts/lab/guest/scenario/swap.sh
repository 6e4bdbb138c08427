# shellcheck shell=sh
# boot: memory=768 limit=900
# Debian's kernel: load its own KVM, then the patched one in its place with reload.sh, which must
# bring the old one back if the new one does not load.  depmod and modprobe have their full path, as
# this shell, which is of busybox, has commands of these names itself.
. /lib/l1.sh
cd "$HOME" || exit
installed=/lib/modules/$(uname -r)/updates/kvm

# install FROM: install the modules of that directory
install()
{
	mkdir -p "$installed"
	rm -f "$installed"/*
	cp "$1"/*.ko* "$installed"
	/sbin/depmod
}

# Run reload.sh: sets "status", and keeps the output in reload.log.
reload()
{
	status=0
	/host/reload.sh >reload.log 2>&1 || status=$?
	sed 's/^/    /' reload.log
}

end_guest()
{
	kill "$(cat guest.pid)"
	rm guest.pid guest.log
	sleep 1
}

without_statistics()
{
	[ ! -e "$STATS" ]
}

# fails_with TEXT
fails_with()
{
	[ $status = 1 ] && grep -qF -e "$1" reload.log
}

mkdir -p /run
/sbin/modprobe "$(vendor)"
guest
check "Debian's KVM runs a guest ($(kvm_exits) exits)" [ "$(kvm_exits)" -gt 1000 ]
check "it has no statistics" without_statistics

install /patched
reload
check "KVM is not reloaded while a guest runs" fails_with "$(vendor) is in use"
check "the guest is named" fails_with "PID $(cat guest.pid): qemu-system-x86_64"
check "the guest is still there" [ "$(kvm_exits)" -gt 1000 ]
check "KVM is still Debian's" without_statistics

end_guest
reload
check "KVM is reloaded" [ $status = 0 ]
guest
check_exits
end_guest

# The kernel itself counts a signal that ends KVM_RUN, by its own layout of struct kvm_vcpu.
exit_loop cpuid 1000000 1000 >/dev/null &
loop=$!
sleep 3
kill -KILL $loop
wait $loop || true
exits=$(cat "$STATS/total_exits")
check "a vCPU that a signal has ended leaves its exits to the system" \
	[ "$(sum_of count)" = "$exits" ]

# Test users of kvm.ko, while nobody uses the vendor module.
tracing=/sys/kernel/tracing/events
hold_event "$(cat $tracing/kvm/kvm_exit/id)" >event &
event=$!
until [ -s event ]; do
	usleep 100000
done
reload
check "KVM is not reloaded while there is a perf event of it" fails_with "kvm is in use (refcnt 2"
check "who has one is named" fails_with "PID $event: hold_event"
kill $event
# The event is gone only when the process has ended.
wait $event || true
echo enable_event:kvm:kvm_exit >$tracing/sched/sched_switch/trigger
reload
check "KVM is not reloaded while a trigger has an event of it" fails_with "kvm is in use (refcnt 2"
check "nobody is named" fails_with "No process has a perf event"
echo '!enable_event:kvm:kvm_exit' >$tracing/sched/sched_switch/trigger
check "the counters are still there ($exits)" value_is "$STATS/total_exits" "$exits"

install /patched
truncate -s 100000 "$installed"/kvm.ko*
reload
check "a damaged kvm is refused" fails_with "the old ones are back"
check "KVM is the patched one again, and counts from 0" value_is "$STATS/total_exits" 0
guest
check "it runs a guest" [ "$(cat "$STATS/total_exits")" -gt 1000 ]
end_guest

# Install Debian's kvm beside the patched vendor module, which was built with another one.
install /patched
cp "/lib/modules/$(uname -r)/kernel/arch/x86/kvm"/kvm.ko* "$installed"
reload
check "a vendor module of another kvm is refused" fails_with "the old ones are back"
check "the kernel's reason is told" fails_with "disagrees about version of symbol"
exit_loop cpuid 100 1 >/dev/null
check "KVM counts exits again" [ "$(cat "$STATS/total_exits")" -gt 100 ]

rm -r "$installed"
installed=/lib/modules/$(uname -r)/updates/dkms
install /patched
reload
check "KVM is reloaded from where DKMS installs" [ $status = 0 ]
# As after a boot, when reload.sh has saved nothing yet
rm -r /run/kvm-modules
reload
check "it could come back from there" [ $status = 0 ]

rm -r "$installed"
/sbin/depmod
reload
check "KVM is reloaded after the patched one was removed" [ $status = 0 ]
check "it is Debian's" without_statistics
check "it runs a guest" sh -c "exit_loop cpuid 100 1 >/dev/null"
echo "--- dmesg"
dmesg
