# A fastpath handler for CPUID, as one that comes with a later kernel would be: the
# statistics have not heard of it, and must count its exits all the same.
/^\treturn vmx_exit_handlers_fastpath(/ i \
	if (vmcs_read32(VM_EXIT_REASON) == EXIT_REASON_CPUID) {\
		kvm_emulate_cpuid(vcpu);\
		return EXIT_FASTPATH_REENTER_GUEST;\
	}
/^\treturn svm_exit_handlers_fastpath(/ i \
	if (to_svm(vcpu)->vmcb->control.exit_code == SVM_EXIT_CPUID) {\
		kvm_emulate_cpuid(vcpu);\
		return EXIT_FASTPATH_REENTER_GUEST;\
	}
