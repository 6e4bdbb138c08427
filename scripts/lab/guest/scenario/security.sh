# shellcheck shell=sh
# Who can see what: files have the modes that are documented, others than root can open only what
# these modes allow, no file has a kernel address, and a guest sees nothing of the statistics.
. /lib/l1.sh
cd "$HOME" || exit
DEBUG=/sys/kernel/debug

# empty NAME FILE: test that a file with findings is empty, and show it
empty()
{
	check "$1" [ ! -s "$2" ]
	head -n 20 "$2"
}

# same NAME EXPECTED ACTUAL: test that both files are equal, and not empty
same()
{
	diff "$2" "$3" >difference || :
	check "$1 ($(wc -l <"$2") lines)" [ -s "$2" -a ! -s difference ]
	head -n 20 difference
}

load_kvm
# A VM with exits of many reasons, which exists during the tests below
guest

# List the files of the ABI document as "MODE FILE", with each reason in place of <NAME>.
awk '$1 == "What:" { files[n++] = $2 } match($0, /Mode 0[0-7]+/) {
	for (i = 0; i < n; i++) print substr($0, RSTART + 5, RLENGTH - 5), files[i] }
	!NF { n = 0 }' /lib/abi >modes
for dir in "$STATS"/reasons/*; do
	awk -v name="${dir##*/}" '{ sub("<NAME>", name) } 1' modes
done | sort -u >documented
find "$STATS" -type f -exec stat -c "0%a %n" {} + | sort >actual
same "files and modes are those of the ABI" documented actual
find "$STATS" ! -user 0 -o ! -group 0 -o ! -type d ! -type f >foreign
empty "all is root's, there are only files and directories" foreign
find "$STATS" -type d ! -perm 755 >foreign
empty "directories are 0755" foreign
for parameter in exit_stats exit_stats_interval; do
	check "the parameter $parameter is 0444" \
		[ "$(stat -c %a /sys/module/kvm/parameters/$parameter)" = 444 ]
done

awk '{ print ($1 ~ /[4-7]$/ ? "ok" : "EACCES"), "EACCES", $2 }' documented | sort >expected
cut -d ' ' -f 2 actual | xargs open_as_nobody | sort >actual.nobody
same "nobody reads what is for everybody, and writes nothing" expected actual.nobody

{ ls "$TABLE"* && find "$DEBUG/kvm" -name exit_stats; } >tables
check "there are the tables of the system, those gone, slow exits, a VM and a vCPU" \
	[ "$(wc -l <tables)" = 5 ]
xargs stat -c %a <tables | sort -u >actual
check "tables are 0400" value_is actual 400
xargs open_as_nobody <tables | grep -v '^EACCES EACCES' >actual || :
empty "nobody gets into debugfs" actual
# Also test with debugfs open to all: the modes of the files alone must suffice.
mount -o remount,mode=755 "$DEBUG"
check "nobody gets to files in debugfs that are for all" \
	sh -c "open_as_nobody $DEBUG/kvm/*/vcpu0/tsc-offset | grep -q '^ok EACCES'"
xargs open_as_nobody <tables | grep -v '^EACCES EACCES' >actual || :
empty "nobody can open a table" actual
mount -o remount,mode=700 "$DEBUG"

# addresses FILE...: print lines with a kernel address.  Addresses, plain or hashed, have 16 hex
# digits, more than any number here, or are replaced by "ptrval" or "(null)".
addresses()
{
	grep -nEi '\<(0x)?[0-9a-f]{16}\>|ffff[0-9a-f]{8}|0x[0-9a-f]{5}|ptrval|\(null\)' "$@" || :
}
for address in ffffffff81000000 0xffff888004a1c000 00000000deadbeef "(____ptrval____)"; do
	echo "$address," >address
	check "$address is taken for an address" [ -n "$(addresses address)" ]
done
echo 1 >"$STATS/dump"
find "$STATS" -type f -perm -400 -exec cat {} + >seen.sysfs
xargs cat <tables >seen.debugfs
dmesg | grep kvm_exit_stats >seen.dmesg
for file in seen.sysfs seen.debugfs seen.dmesg; do
	check "$file has something to see ($(wc -l <$file) lines)" [ "$(wc -l <$file)" -gt 10 ]
	# Remove addresses in the guest's kernel, which the host may know.
	sed 's/ rip=0x[0-9a-f]*//' $file >seen.host
	addresses seen.host >found
	empty "$file has no address of the host's kernel" found
done

# The guest runs the same kernel, whose sysfs could have the statistics, too.
check "the guest has a sysfs" grep -q '^guest: in /sys/kernel: .*debug' guest.log
check "the guest has no kvm_exit_stats" \
	sh -c "! grep '^guest: in /sys/kernel: .*kvm_exit_stats' guest.log"
kill "$(cat guest.pid)"
sleep 1

kvm_interface >interface.1
kvm_interface >interface.2
same "what KVM offers is always the same" interface.1 interface.2
unload_kvm
if [ -d /lib/modules/without ]; then
	load_kvm /lib/modules/without
	check "there are no statistics without" [ ! -e "$STATS" ]
	kvm_interface >interface.without
	same "KVM offers the same without the statistics" interface.without interface.1
else
	echo "ok KVM offers the same without the statistics # SKIP there is no such KVM"
fi
