# Read the results of make bench into arrays.  judge.awk or report.awk, which comes after this
# file on the command line of awk, uses them.

BEGIN {
	nr_types = split("cpuid msr hlt io mmio ept", types)
	nr_machines = split("intel amd-bochs amd", machines)
}

$1 == "about" {
	about[$2] = $0
	sub(/^about [^ ]* /, "", about[$2])
}

$2 == "exit" {
	least[$1, $3, $4] = $5
	mean[$1, $3, $4] = $6
}

$2 == "counted" {
	exits[$1, $3, $4] = $5
	of[$1, $3, $4] = $6
}

$2 == "life" {
	create[$1, $3] = $4
	destroy[$1, $3] = $5
}

$1 == "silicon" && $2 == "machine" {
	model = $3
	gsub("_", " ", model)
	silicon = sprintf("%s, %d CPUs, TSC of %d MHz, median of %d rounds", model, $4, $5, $6)
}

$1 == "silicon" && NF == 10 {
	if (!(($2, $4) in variant)) {
		variant[$2, $4] = ++nr_variants
		variants[nr_variants] = $2 SUBSEP $4
	}
	ns[$2, $4, $3] = $5
	cycles[$2, $4, $3] = $6
	ratio[$2, $4, $3] = $7
	update[$2, $4, $3] = $8
	lost[$2, $4, $3] = $9
	silicon_exits[$2, $4, $3] = $10
}

$1 == "silicon" && $2 == "reader" {
	readers[++nr_readers] = $3
	reader_ns[$3] = $4
	reader_ratio[$3] = $6
	reader_reads[$3] = $7
}

$2 == "read" {
	if (!(($4, $5) in seen)) {
		seen[$4, $5] = 1
		reads[++nr_reads] = $4 SUBSEP $5
	}
	read[$3, $4, $5] = $6
}

$2 == "end" {
	end[$3, $4, $5] = $6
	added_to_end[$4, $5] += $3 == "with" ? $6 : -$6
}

$2 == "latency" { latency[$3, $4] = $6 }

$2 == "memory" { bytes[$3] = $4 }

# Return the instructions that WHAT, see bench-readers.sh, takes with this number of possible CPUs
# and of vCPUs.  "end" is the end of a VM, "added to end" the part of it that the feature adds.
function takes(what, cpus, vcpus)
{
	if (what == "end")
		return end["with", cpus, vcpus]
	if (what == "added to end")
		return added_to_end[cpus, vcpus]
	return read[what, cpus, vcpus]
}

# Return the same, computed from the straight line through the values with 1 and with 256 vCPUs.
function takes_by_line(what, cpus, vcpus,	one)
{
	one = takes(what, cpus, 1)
	return one + (vcpus - 1) * (takes(what, cpus, 256) - one) / 255
}

function added(machine, type, how)
{
	return least[machine, type, how] - least[machine, type, "without"]
}
