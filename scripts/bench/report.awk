# Make the tables about cost in exit-stats-cost.rst, and the data of the plots there, from the
# figures of make bench.
#
#	awk -f figures.awk -f report.awk -v dir=DIRECTORY RESULTS
#
# Each table is a file in DIRECTORY, for the line ".. bench NAME" in exit-stats-cost.rst, and
# the data are the files *.dat.  What was not measured has no row.

BEGIN {
	nr_hows = split("disabled enabled keys interval naive kvm_exit " \
			"kvm_exit+kvm_entry perf-stat perf-kvm-stat bpftrace", hows)
	label["disabled"] = "``enabled`` 0"
	label["enabled"] = "``enabled`` 1"
	label["keys"] = "and ``keys`` 1"
	label["interval"] = "and ``interval`` 500"
	label["naive"] = "naive globals"
	label["kvm_exit"] = "event kvm_exit"
	label["kvm_exit+kvm_entry"] = "and kvm_entry"
	label["perf-stat"] = "perf stat"
	label["perf-kvm-stat"] = "perf kvm stat"
	label["bpftrace"] = "bpftrace"

	title["intel"] = "VMX, Bochs"
	title["amd-bochs"] = "SVM, Bochs"
	title["amd"] = "SVM, QEMU"

	reader_label["none"] = "not at all"
	reader_label["100ms"] = "every 100 ms"
	reader_label["always"] = "all the time"

	nr_loads = split("loops realtime churn", loads)

	nr_jobs = split("tool,total,summary,reset,end,added to end", jobs, ",")
	job_label["tool"] = "one scrape by the tool"
	job_label["total"] = "one read of total_exits"
	job_label["summary"] = "one summary"
	job_label["reset"] = "one reset"
	job_label["end"] = "the end of a VM with 4 vCPUs"
	job_label["added to end"] = "of that, the statistics"
}

# Print the line above and below a simple table (reStructuredText) of one column and n more.
function ruler(file, first, rest, n,	i)
{
	printf "%s", substr("==============================", 1, first) >file
	for (i = 0; i < n; i++)
		printf "  %s", substr("==============================", 1, rest) >file
	printf "\n" >file
}

function exit_table(machine, file,	h, t, how, cost)
{
	ruler(file, 20, 6, nr_types + 1)
	printf "%-20s", title[machine] >file
	for (t = 1; t <= nr_types; t++)
		printf "  %6s", types[t] >file
	printf "  %6s\n", "mean" >file
	ruler(file, 20, 6, nr_types + 1)
	printf "%-20s", "without" >file
	for (t = 1; t <= nr_types; t++)
		printf "  %6.0f", least[machine, types[t], "without"] >file
	printf "  %6.0f\n", mean[machine, "cpuid", "without"] >file
	for (h = 1; h <= nr_hows; h++) {
		how = hows[h]
		if (!((machine, "cpuid", how) in least))
			continue
		printf "%-20s", label[how] >file
		for (t = 1; t <= nr_types; t++)
			printf "  %+6.0f", added(machine, types[t], how) >file
		cost = mean[machine, "cpuid", how] - mean[machine, "cpuid", "without"]
		printf "  %+6.0f\n", cost >file
	}
	ruler(file, 20, 6, nr_types + 1)
	printf "\n" >file
}

function counted_table(file,	m, h, l, id)
{
	ruler(file, 20, 9, 5)
	printf "%-20s  %-9s  %-9s  %9s  %9s  %9s\n", "tool", "machine", "load", "exits",
	       "counted", "lost" >file
	ruler(file, 20, 9, 5)
	for (l = 1; l <= nr_loads; l++) {
		for (m = 1; m <= nr_machines; m++) {
			for (h = 1; h <= nr_hows; h++) {
				id = machines[m] SUBSEP hows[h] SUBSEP loads[l]
				if (!(id in exits))
					continue
				printf "%-20s  %-9s  %-9s  %9d  %9d  %8.1f%%\n", label[hows[h]],
				       machines[m], loads[l], of[id], exits[id],
				       100 * (of[id] - exits[id]) / of[id] >file
			}
		}
	}
	ruler(file, 20, 9, 5)
}

# The first column of silicon's tables
function what(id,	part)
{
	split(id, part, SUBSEP)
	return part[1] (part[2] == "shared" && part[1] != "naive" ? ", shared" : "")
}

function silicon_table(file,	v, id, n, t, threads)
{
	nr_threads = split("1 2 4", threads)
	print "On " silicon ":" >file
	print "" >file
	ruler(file, 20, 7, 7)
	printf "%-20s  %7s  %7s  %7s  %7s  %7s  %7s  %7s\n", "what is recorded", "threads", "ns",
	       "cycles", "RDTSCs", "update", "exits", "lost" >file
	ruler(file, 20, 7, 7)
	for (v = 1; v <= nr_variants; v++) {
		id = variants[v]
		for (t = 1; t <= nr_threads; t++) {
			n = id SUBSEP threads[t]
			if (!(n in ns))
				continue
			printf "%-20s  %7d  %7.1f  %7.1f  %7.2f  %7.2f  %6.1fM  %6.1f%%\n", what(id),
			       threads[t], ns[n], cycles[n], ratio[n], update[n],
			       silicon_exits[n] / 1e6, 100 * lost[n] / silicon_exits[n] >file
		}
	}
	ruler(file, 20, 7, 7)
}

function silicon_data(file,	v, id, n, t, threads, ids, nr_ids)
{
	nr_threads = split("1 2 4", threads)
	for (v = 1; v <= nr_variants; v++) {
		id = variants[v]
		if ((id, 4) in ns)
			ids[++nr_ids] = id
	}
	printf "threads" >file
	for (v = 1; v <= nr_ids; v++)
		printf " \"%s\"", what(ids[v]) >file
	printf "\n" >file
	for (t = 1; t <= nr_threads; t++) {
		printf "%d", threads[t] >file
		for (v = 1; v <= nr_ids; v++)
			printf " %s", ns[ids[v], threads[t]] >file
		printf "\n" >file
	}
}

function exit_data(file,	h, how, name)
{
	for (h = 1; h <= nr_hows; h++) {
		how = hows[h]
		name = label[how]
		gsub("`", "", name)
		if (("intel", "cpuid", how) in least)
			printf "\"%s\" %.1f %.1f\n", name, added("intel", "cpuid", how),
			       added("amd-bochs", "cpuid", how) >file
	}
}

function read_table(file,	r, id, part)
{
	ruler(file, 14, 12, 5)
	printf "%-14s  %12s  %12s  %12s  %12s  %12s\n", "possible CPUs", "vCPUs", "all files",
	       "the tool", "table", "total_exits" >file
	ruler(file, 14, 12, 5)
	for (r = 1; r <= nr_reads; r++) {
		id = reads[r]
		split(id, part, SUBSEP)
		printf "%-14d  %12d  %11.2fM  %11.2fM  %11.3fM  %11.3fM\n", part[1], part[2],
		       read["files", id] / 1e6, read["tool", id] / 1e6,
		       read["debugfs", id] / 1e6, read["total", id] / 1e6 >file
	}
	ruler(file, 14, 12, 5)
	printf "\nMemory: %d bytes per vCPU, %d for each reason that it has met, and %d when\nKVM is loaded.\n",
	       bytes["vcpu"], bytes["row"], bytes["loaded"] >file
}

# Return the instructions that a job takes on a larger host, along straight lines: for vCPUs that
# of takes_by_line(), for CPUs the line through the figures with 1 and with the most possible CPUs.
function extrapolated(job, cpus, vcpus,	most)
{
	most = reads[nr_reads] + 0
	return takes_by_line(job, 1, vcpus) + \
	       (cpus - 1) * (takes(job, most, 1) - takes(job, 1, 1)) / (most - 1)
}

function scale_table(file,	cpus, vcpus, memory, j)
{
	cpus = 512
	vcpus = 1000
	memory = bytes["loaded"] + cpus * bytes["cpu"] + vcpus * (bytes["vcpu"] + 16 * bytes["row"])
	ruler(file, 30, 12, 1)
	printf "%-30s  %12s\n", cpus " CPUs and " vcpus " vCPUs", "takes" >file
	ruler(file, 30, 12, 1)
	printf "%-30s  %9.2f MB\n", "memory", memory / 1e6 >file
	for (j = 1; j <= nr_jobs; j++)
		printf "%-30s  %11.3fM\n", job_label[jobs[j]],
		       extrapolated(jobs[j], cpus, vcpus) / 1e6 >file
	ruler(file, 30, 12, 1)
}

function reader_table(file,	r, how)
{
	ruler(file, 20, 12, 3)
	printf "%-20s  %12s  %12s  %12s\n", "all rows are read", "ns per exit", "ratio",
	       "reads" >file
	ruler(file, 20, 12, 3)
	for (r = 1; r <= nr_readers; r++) {
		how = readers[r]
		printf "%-20s  %12.1f  %12.3f  %12d\n", reader_label[how], reader_ns[how],
		       reader_ratio[how], reader_reads[how] >file
	}
	ruler(file, 20, 12, 3)
}

END {
	printf "The figures are of %s, commit %s of the patch's repository:\n" \
	       "Linux %s, gcc %s, with the configuration fragments\n%s.\n", about["date"],
	       about["commit"], about["kernel"], about["compiler"], about["config"] >(dir "/about")
	for (m = 1; m <= nr_machines; m++)
		exit_table(machines[m], dir "/exits")
	counted_table(dir "/counted")
	silicon_table(dir "/silicon")
	read_table(dir "/read")
	scale_table(dir "/scale")
	reader_table(dir "/readers")
	exit_data(dir "/exits.dat")
	silicon_data(dir "/silicon.dat")
}
