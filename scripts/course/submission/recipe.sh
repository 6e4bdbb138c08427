# shellcheck shell=sh disable=SC2034,SC2086,SC2164
# The recipe that submission.sh prints, and that tests run.  Both change only the variables at
# the top of each part, i.e. the values in lines that begin with "NAME=".

## build
linux=https://git.kernel.org/pub/scm/linux/kernel/git/stable/linux.git
commit=
diff=$PWD/cmpe283-3.diff
config=/boot/config-$(uname -r)

# Install what the build needs, and QEMU
apt-get install -y git gcc make bc bison flex perl libelf-dev libssl-dev
apt-get install -y kmod cpio rsync xz-utils zstd qemu-system-x86

# The source with the diff
git clone "$linux" linux
cd linux
git checkout -q "$commit"
git apply "$diff"

# The configuration: the distribution's, without its keys, and without debug info
mkdir ../kernel
cp "$config" ../kernel/.config
scripts/config --file ../kernel/.config --set-str SYSTEM_TRUSTED_KEYS ""
scripts/config --file ../kernel/.config --set-str SYSTEM_REVOCATION_KEYS ""
scripts/config --file ../kernel/.config -d DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT
scripts/config --file ../kernel/.config -d DEBUG_INFO_DWARF5 -e DEBUG_INFO_NONE
make O=../kernel olddefconfig
grep CONFIG_KVM_EXIT_STATS ../kernel/.config

# The kernel
make O=../kernel -j"$(nproc)"
make O=../kernel modules_install install
reboot

## look
guest=/boot/vmlinuz-$(uname -r)

# Run a guest with the same kernel: it panics and ends, as it has no root file system
vm="-accel kvm -cpu host -M microvm,acpi=off -m 256 -display none -no-reboot"
vm="$vm -serial file:guest.log"
boot="console=ttyS0 panic=-1 reboot=t"
timeout 60 qemu-system-x86_64 $vm -kernel "$guest" -append "$boot"
grep -m 1 "Kernel panic" guest.log

# The last summary in the kernel log, and how often there is one
dmesg | grep kvm_exit_stats | tail -n 20
cat /sys/kernel/kvm_exit_stats/interval

# The numbers as they are now, one in a file
cd /sys/kernel/kvm_exit_stats
cat total_exits total_cycles
grep -v '^0$' reasons/*/count
grep -v '^0$' reasons/*/cycles_avg

# A summary on request
echo 1 >dump
dmesg | grep kvm_exit_stats | tail -n 20

# Count from zero again
echo 1 >reset
cat total_exits
