// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test that /sys/kernel/kvm_exit_stats counts every VM-Exit once: compare it, by
 * reason, with the kvm_exit events of the same exits, and with KVM's own count.
 *
 * The statistics are system-wide, i.e. no other VM may run beside this test.
 */
#include <pthread.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "apic.h"
#include "exit_stats.h"
#include "kvm_util.h"
#include "processor.h"
#include "svm_util.h"
#include "test_util.h"
#include "vmx.h"

#include "kselftest_harness.h"

#define NR_ICR		40
#define NR_SELF_IPI	15
#define NR_DEADLINE	25
#define NR_HLT		20
#define NR_INVD		50
#define NR_TIMER	5
#define NR_ROUNDS	3
#define NR_VMS		2
#define NR_VCPUS	2
#define NR_LOOPS	100
#define NR_L2_RUNS	30
#define NR_L2_RDMSR	3
#define NR_FAILED	6

/* Which exits re-enter from the fastpath; for an older kernel, its own header defines this. */
#ifndef FASTPATH_IPI
#define FASTPATH_IPI		true
#define FASTPATH_HLT		true
#define FASTPATH_DEADLINE	true
#define FASTPATH_INVD		true
#endif

/* Far enough away for the guest to be running by then */
#define TIMER_CYCLES	1000000

static const struct exit_stats_reason timer = { "PREEMPTION_TIMER", "interrupt" };
static const struct exit_stats_reason l2_entry = { "VMRESUME", "vmrun" };
static const struct exit_stats_reason reflected = { "CPUID", "hypercall" };
static const struct exit_stats_reason invd = { "INVD", "invd" };
static const struct exit_stats_reason wbinvd = { "WBINVD", "wbinvd" };
static const struct exit_stats_reason failed = { "INVALID_STATE", "invalid_guest_state" };

FIXTURE(exit_stats_trace)
{
	unsigned long interval;
};

FIXTURE_SETUP(exit_stats_trace)
{
	self->interval = exit_stats_number("interval");
	exit_stats_set("enabled", "1");
	exit_stats_set("interval", "0");
	exit_stats_set("reset", "1");
	exit_stats_trace_start();
}

FIXTURE_TEARDOWN(exit_stats_trace)
{
	exit_stats_trace_stop();
	exit_stats_set_number("interval", self->interval);
}

/* No vCPU runs any more: compare the counts with the events, and with @exits. */
static void check_exact(uint64_t exits, const char *untraced)
{
	TEST_ASSERT_EQ(exit_stats_number("total_exits"), exits);
	exit_stats_check_laws();
	exit_stats_trace_read();
	exit_stats_trace_check(untraced);
}

TEST_F(exit_stats_trace, reasons)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = exit_stats_create_vm(&vcpu, exit_stats_guest);

	while (exit_stats_run_to_sync(vcpu))
		;
	check_exact(exit_stats_vcpu_exits(vcpu), NULL);
	kvm_vm_free(vm);
}

/*
 * Exits that fastpath handlers take.  Interrupts are disabled, so that no other exit comes
 * in between.  After an IPI to nobody, KVM re-enters the guest at once.  After an IPI of the
 * vCPU to itself, KVM has to look at interrupts first, i.e. goes on to the slow path.  The
 * first exit of a reason takes the slow path, too: have one of each before counting.
 */
static void guest_fastpath(void)
{
	int i;

	x2apic_enable();
	x2apic_write_reg(APIC_LVTT, APIC_LVT_TIMER_TSCDEADLINE | EXIT_STATS_IPI_VECTOR);
	exit_stats_halt(1);
	GUEST_SYNC(0);

	for (i = 0; i < NR_ICR; i++)
		exit_stats_send_ipi(EXIT_STATS_NO_APIC_ID);
	GUEST_SYNC(1);

	for (i = 0; i < NR_DEADLINE; i++)
		wrmsr(MSR_IA32_TSC_DEADLINE, ~0ull >> 1);
	wrmsr(MSR_IA32_TSC_DEADLINE, 0);
	GUEST_SYNC(2);

	for (i = 0; i < NR_SELF_IPI; i++)
		exit_stats_send_ipi(0);
	GUEST_SYNC(3);

	exit_stats_halt(NR_HLT);
	GUEST_DONE();
}

/* On SVM, a fastpath needs a CPU that provides the next RIP. */
static bool has_fastpath(void)
{
	return exit_stats_is_vmx() || get_kvm_amd_param_integer("nrips");
}

/* Exits after which KVM re-enters never get to handle_exit(), but must count, too. */
TEST_F(exit_stats_trace, fastpath)
{
	uint64_t start = rdtsc(), wrmsrs = 0;
	bool enabled = has_fastpath();
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	vm = exit_stats_create_vm(&vcpu, guest_fastpath);
	exit_stats_run_to_sync(vcpu);
	exit_stats_check_rise(vcpu, &exit_stats_wrmsr, NR_ICR);
	exit_stats_check_rise(vcpu, &exit_stats_wrmsr, NR_DEADLINE + 1);
	exit_stats_check_rise(vcpu, &exit_stats_wrmsr, NR_SELF_IPI);
	exit_stats_check_rise(vcpu, &exit_stats_hlt, NR_HLT);
	exit_stats_check_times(&exit_stats_wrmsr, rdtsc() - start);
	check_exact(exit_stats_vcpu_exits(vcpu), NULL);
	kvm_vm_free(vm);

	if (enabled && FASTPATH_IPI)
		wrmsrs += NR_ICR;
	if (enabled && FASTPATH_DEADLINE)
		wrmsrs += NR_DEADLINE + 1;
	TEST_ASSERT_EQ(exit_stats_reentries(&exit_stats_wrmsr), wrmsrs);
	TEST_ASSERT_EQ(exit_stats_reentries(&exit_stats_hlt),
		       enabled && FASTPATH_HLT ? NR_HLT : 0);

	if (!enabled)
		SKIP(return, "All exits take the slow path, and are counted: no NRIPS");
}

/* The first exit of a reason takes the slow path: see above. */
static void guest_invd(void)
{
	int i;

	asm volatile("invd");
	for (i = 0; i < NR_INVD; i++)
		asm volatile("invd");
	GUEST_DONE();
}

/* QEMU, as an emulator, exits for WBINVD in place of INVD, and WBINVD has no fastpath. */
TEST_F(exit_stats_trace, invd)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = exit_stats_create_vm(&vcpu, guest_invd);

	while (exit_stats_run_to_sync(vcpu))
		;
	TEST_ASSERT_EQ(exit_stats_count(&invd) + exit_stats_count(&wbinvd), 1 + NR_INVD);
	check_exact(exit_stats_vcpu_exits(vcpu), NULL);
	kvm_vm_free(vm);

	TEST_ASSERT_EQ(exit_stats_reentries(&invd),
		       exit_stats_count(&invd) && has_fastpath() && FASTPATH_INVD ? NR_INVD : 0);
}

static void guest_timer(void)
{
	int i;

	x2apic_enable();
	x2apic_write_reg(APIC_LVTT, APIC_LVT_TIMER_TSCDEADLINE | EXIT_STATS_IPI_VECTOR);
	GUEST_SYNC(0);

	for (i = 0; i < NR_TIMER; i++) {
		wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc() + TIMER_CYCLES);
		asm volatile("sti");
		while (READ_ONCE(exit_stats_nr_ipis) == i)
			cpu_relax();
		asm volatile("cli");
	}
	GUEST_DONE();
}

TEST_F(exit_stats_trace, preemption_timer)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	if (!exit_stats_is_vmx() || !get_kvm_intel_param_bool("preemption_timer"))
		SKIP(return, "No VMX preemption timer");

	vm = exit_stats_create_vm(&vcpu, guest_timer);
	exit_stats_run_to_sync(vcpu);
	exit_stats_check_rise(vcpu, &timer, NR_TIMER);
	check_exact(exit_stats_vcpu_exits(vcpu), NULL);
	kvm_vm_free(vm);
}

static void guest_load(void)
{
	int i;

	x2apic_enable();
	x2apic_write_reg(APIC_LVTT, APIC_LVT_TIMER_TSCDEADLINE | EXIT_STATS_IPI_VECTOR);

	for (i = 0; i < NR_LOOPS; i++) {
		this_cpu_fms();
		exit_stats_send_ipi(EXIT_STATS_NO_APIC_ID);
		wrmsr(MSR_IA32_TSC_DEADLINE, ~0ull >> 1);
		wrmsr(MSR_IA32_UCODE_REV, 0);
		GUEST_SYNC(i);
	}
	GUEST_DONE();
}

static void *vcpu_thread(void *vcpu)
{
	while (exit_stats_run_to_sync(vcpu))
		;
	return NULL;
}

/* VMs come and go, and their exits stay. */
static void check_vms(int nr_vms, int nr_vcpus)
{
	struct kvm_vcpu *vcpus[NR_VMS][NR_VCPUS];
	pthread_t threads[NR_VMS][NR_VCPUS];
	struct kvm_vm *vms[NR_VMS];
	uint64_t exits = 0;
	int round, i, j;

	for (round = 0; round < NR_ROUNDS; round++) {
		for (i = 0; i < nr_vms; i++) {
			vms[i] = vm_create_with_vcpus(nr_vcpus, guest_load, vcpus[i]);
			for (j = 0; j < nr_vcpus; j++) {
				vcpu_set_cpuid_feature(vcpus[i][j],
						       X86_FEATURE_TSC_DEADLINE_TIMER);
				pthread_create(&threads[i][j], NULL, vcpu_thread,
					       vcpus[i][j]);
			}
		}

		/* The first VM goes while the next one still runs. */
		for (i = 0; i < nr_vms; i++) {
			for (j = 0; j < nr_vcpus; j++) {
				pthread_join(threads[i][j], NULL);
				exits += exit_stats_vcpu_exits(vcpus[i][j]);
			}
			kvm_vm_free(vms[i]);
		}
	}

	TEST_ASSERT(exit_stats_count(&exit_stats_cpuid) >=
		    NR_ROUNDS * nr_vms * nr_vcpus * NR_LOOPS, "No load");
	check_exact(exits, NULL);
}

TEST_F(exit_stats_trace, many_vms)
{
	check_vms(get_nprocs() < NR_VMS ? get_nprocs() : NR_VMS, 1);
}

TEST_F(exit_stats_trace, more_vcpus_than_cpus)
{
	check_vms(NR_VMS, get_nprocs() < NR_VCPUS ? get_nprocs() : NR_VCPUS);
}

/*
 * L2: KVM handles the exits of RDMSR itself, and reflects the other one to L1, the guest
 * hypervisor.  L1 does not save the registers of L2, so that L2 must not rely on any.
 */
static void l2_rdmsrs(void)
{
	int i;

	for (i = 0; i < NR_L2_RDMSR; i++)
		rdmsr(MSR_IA32_APICBASE);
}

static void l2_vmx(void)
{
	for (;;) {
		l2_rdmsrs();
		asm volatile("push %%rbp; cpuid; pop %%rbp"
			     : : : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8",
				   "r9", "r10", "r11", "r12", "r13", "r14", "r15");
	}
}

static void l1_vmx(struct vmx_pages *vmx)
{
	int i;

	GUEST_ASSERT(prepare_for_vmx_operation(vmx));
	GUEST_ASSERT(load_vmcs(vmx));
	prepare_vmcs(vmx, l2_vmx);
	vmwrite(CPU_BASED_VM_EXEC_CONTROL,
		vmreadz(CPU_BASED_VM_EXEC_CONTROL) | CPU_BASED_USE_MSR_BITMAPS);
	GUEST_ASSERT(!vmlaunch());
	GUEST_SYNC(0);

	for (i = 0; i < NR_L2_RUNS; i++) {
		GUEST_ASSERT_EQ(vmreadz(VM_EXIT_REASON), EXIT_REASON_CPUID);
		vmwrite(GUEST_RIP, vmreadz(GUEST_RIP) + vmreadz(VM_EXIT_INSTRUCTION_LEN));
		GUEST_ASSERT(!vmresume());
	}
	GUEST_SYNC(1);
	GUEST_DONE();
}

static void l2_svm(void)
{
	for (;;) {
		l2_rdmsrs();
		vmmcall();
	}
}

static void l1_svm(struct svm_test_data *svm)
{
	struct vmcb *vmcb = svm->vmcb;
	int i;

	generic_svm_setup(svm, l2_svm);
	run_guest(vmcb, svm->vmcb_gpa);
	GUEST_SYNC(0);

	for (i = 0; i < NR_L2_RUNS; i++) {
		GUEST_ASSERT_EQ(vmcb->control.exit_code, SVM_EXIT_VMMCALL);
		vmcb->save.rip += 3;
		run_guest(vmcb, svm->vmcb_gpa);
	}
	GUEST_SYNC(1);
	GUEST_DONE();
}

/* Exits of a nested guest count once, under the hardware's reason. */
TEST_F(exit_stats_trace, nested)
{
	uint64_t entries, reflections, rdmsrs, l2_rdmsrs, l2_reflections;
	bool is_vmx = exit_stats_is_vmx();
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	uint64_t arg;

	if (!kvm_cpu_has(is_vmx ? X86_FEATURE_VMX : X86_FEATURE_SVM))
		SKIP(return, "No nested virtualization");

	vm = exit_stats_create_vm(&vcpu, is_vmx ? (void *)l1_vmx : (void *)l1_svm);
	if (is_vmx)
		vcpu_alloc_vmx(vm, &arg);
	else
		vcpu_alloc_svm(vm, &arg);
	vcpu_args_set(vcpu, 1, arg);

	exit_stats_run_to_sync(vcpu);
	entries = exit_stats_count(&l2_entry);
	reflections = exit_stats_count(&reflected);
	rdmsrs = exit_stats_count(&exit_stats_rdmsr);
	l2_rdmsrs = exit_stats_level_count(&exit_stats_rdmsr, "nested");
	l2_reflections = exit_stats_level_count(&reflected, "reflected");

	exit_stats_run_to_sync(vcpu);
	TEST_ASSERT_EQ(exit_stats_count(&l2_entry) - entries, NR_L2_RUNS);
	TEST_ASSERT_EQ(exit_stats_count(&reflected) - reflections, NR_L2_RUNS);
	TEST_ASSERT_EQ(exit_stats_count(&exit_stats_rdmsr) - rdmsrs,
		       NR_L2_RUNS * NR_L2_RDMSR);

	/* L0 handles L2's RDMSRs, L1 its other exits; VMRESUME and VMRUN are exits of L1 itself. */
	TEST_ASSERT_EQ(exit_stats_level_count(&exit_stats_rdmsr, "nested") - l2_rdmsrs,
		       NR_L2_RUNS * NR_L2_RDMSR);
	TEST_ASSERT_EQ(exit_stats_level_count(&exit_stats_rdmsr, "reflected"), 0);
	TEST_ASSERT_EQ(exit_stats_level_count(&reflected, "reflected") - l2_reflections,
		       NR_L2_RUNS);
	TEST_ASSERT_EQ(exit_stats_level_count(&l2_entry, "nested"), 0);

	TEST_ASSERT(!exit_stats_run_to_sync(vcpu), "The guest has a stage too many");
	check_exact(exit_stats_vcpu_exits(vcpu), NULL);
	kvm_vm_free(vm);
}

static void guest_pio(void)
{
	for (;;)
		asm volatile("outb %%al, %0" : : "i" (EXIT_STATS_PIO_PORT));
}

/*
 * Enter a guest in a state that the CPU refuses.  The failed VM-Entry is an exit with an
 * event, unless KVM detects the state, and emulates the guest without trying to enter it.
 */
TEST_F(exit_stats_trace, failed_entries)
{
	bool emulated = exit_stats_is_vmx() && !kvm_is_unrestricted_guest_enabled();
	struct kvm_sregs sregs;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int i;

	vm = exit_stats_create_vm(&vcpu, guest_pio);
	vcpu_sregs_get(vcpu, &sregs);
	if (exit_stats_is_vmx())
		sregs.tr.unusable = 1;
	else
		sregs.cs.db = 1;
	vcpu_sregs_set(vcpu, &sregs);

	for (i = 0; i < NR_FAILED; i++) {
		vcpu_run(vcpu);
		TEST_ASSERT_KVM_EXIT_REASON(vcpu, emulated ? KVM_EXIT_IO : KVM_EXIT_FAIL_ENTRY);
	}

	TEST_ASSERT_EQ(exit_stats_count(&failed), NR_FAILED);
	check_exact(exit_stats_vcpu_exits(vcpu), emulated ? failed.vmx : NULL);
	kvm_vm_free(vm);
}

int main(int argc, char *argv[])
{
	exit_stats_require();
	__TEST_REQUIRE(exit_stats_can_trace(),
		       "No kvm_exit event, or no CONFIG_KPROBE_EVENTS");

	return test_harness_run(argc, argv);
}
