#!/bin/bash
# prometheus.sh BINDIR METRICS1 METRICS2: test all that kvm_exit_stat has for Prometheus,
# from end to end.  BINDIR is where fetch.sh has unpacked Prometheus and its tools, METRICS1
# and METRICS2 are what --openmetrics printed before and after a guest worked.  Two more hosts,
# with TSCs of other frequencies and with three VMs, are made up; kvm_exit_stat, which must be
# built, makes their metrics.
#
# Every test prints a line "ok NAME" or "not ok NAME"; below the latter are the expected and
# the actual result.  The status is 0 if all tests were run, whether they passed or not.
. "$(dirname "$0")/lib.sh"

[ $# = 3 ] || die "usage: prometheus.sh BINDIR METRICS1 METRICS2"
bin=$1
metrics1=$2
metrics2=$3

program=${KVM_EXIT_STAT:-$tool}
tool=$top/tools/kvm/kvm_exit_stat
dashboard=$tool/prometheus/dashboard.json
# Until how many seconds after the start tests may wait, and how many each may wait in any case
patience=60
least=5

[ -d "$bin/usr/bin" ] && bin=$bin/usr/bin
for needed in "$bin"/{prometheus,promtool,prometheus-node-exporter} "$program"; do
	[ -x "$needed" ] || die "there is no $needed"
done
for needed in curl jq; do
	command -v "$needed" >/dev/null || die "there is no $needed"
done
for file in "$metrics1" "$metrics2"; do
	[ -s "$file" ] || die "there is nothing in $file"
done

cleanup()
{
	local pid

	# Bash prints a message for each job that is killed: discard these.
	exec 2>/dev/null
	for pid in $(jobs -p); do
		kill -KILL "$pid" || true
	done
	wait
	rm -rf "$tmp"
}

tmp=$(mktemp -d)
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# comes_about COMMAND...: repeat COMMAND until it succeeds, or the time is over; then print its
# last output
comes_about()
{
	local start=$SECONDS end=$((SECONDS + least)) said

	((end > patience)) || end=$patience
	while ! said=$("$@" 2>&1); do
		if ((SECONDS >= end)); then
			printf 'not within %d s:\n%s\n' $((SECONDS - start)) "$said"
			return 1
		fi
		sleep 0.5
	done
}

prints_nothing()
{
	local said

	said=$("$@" 2>&1) || { printf '%s\n' "${said:-"$* failed"}"; return 1; }
	[ -z "$said" ] || { printf 'no output wanted, but came:\n%s\n' "$said"; return 1; }
}

# ---- the hosts that are made up

# canned HOST TSC_KHZ NAME...: make metrics of a host with VMs of these names, before and after
# these worked
# shellcheck disable=SC1091,SC2034,SC2317  # what is sourced is there, uses and calls these
canned()
(
	host=$1
	khz=$2
	shift 2
	set +eu
	bats_require_minimum_version() { :; }
	. "$tool/tests/lib.bash"
	ROOT=$tmp/$host
	STATS=$ROOT/sys/kernel/kvm_exit_stats
	DEBUGFS=$ROOT/sys/kernel/debug/kvm
	tree vmx "$khz"
	for when in 1 2; do
		for ((n = 1; n <= $#; n++)); do
			[ $when = 2 ] || vm "$n-9" nr="$n" cgroup="/vm-$n" \
				qemu -name "${!n}" -uuid "6a54ee1c-61b4-4a5a-9d1e-0c7f3c2ad00$n"
			exits CPUID in="$n-9/0" cycles="$((100 * when))x1000" \
				away="$((100 * when))x2000" user=1000 guest=900000
			exits HLT in="$n-9/0" cycles=10x50 away=10x90000 blocked=800000 preempted=20000
			exits EPT_VIOLATION in="$n-9/0" cycles=20x3000 away=20x5000
		done
		"$program" --sysroot "$ROOT" --openmetrics="$tmp/$host.$when" --per-vm || exit
	done
)

canned a 1000000 web db
canned b 2600000 mail

# ---- without a server

lint_is_clean()
{
	prints_nothing "$bin/promtool" check metrics <"$1"
}

# Without a server, only "tsdb create-blocks-from" uses this parser, and it needs a time in each
# line.
openmetrics_is_parsed()
{
	local out

	out=$(mktemp -d -p "$tmp")
	awk '/^#/ { print; next } { print $0, 1700000000 }' "$1" >"$out/text" &&
		"$bin/promtool" tsdb create-blocks-from openmetrics "$out/text" "$out/blocks"
}

# Verify the units in a root directory of their own, as the tool need not be installed here.
units_are_clean()
{
	local root=$tmp/root

	mkdir -p "$root"/{usr/bin,usr/lib/systemd,etc/systemd/system} &&
		ln -s usr/lib "$root/lib" && ln -s usr/bin "$root/bin" &&
		cp -r /lib/systemd/system "$root/usr/lib/systemd/" &&
		cp /bin/true "$root/usr/bin/kvm_exit_stat" && cp /bin/true "$root/bin/kill" &&
		cp "$tool"/systemd/* "$root/etc/systemd/system/" &&
		prints_nothing systemd-analyze --root="$root" --man=no verify \
			kvm_exit_stat.service kvm_exit_stat.timer kvm_exit_stat-log.service
}

check "metrics before: promtool check metrics" lint_is_clean "$metrics1"
check "metrics after: promtool check metrics" lint_is_clean "$metrics2"
for host in a b; do
	check "metrics of VMs, host $host: promtool check metrics" lint_is_clean "$tmp/$host.2"
	check "metrics of VMs, host $host: parsed as OpenMetrics" openmetrics_is_parsed "$tmp/$host.2"
done
check "metrics before: parsed as OpenMetrics" openmetrics_is_parsed "$metrics1"
check "metrics after: parsed as OpenMetrics" openmetrics_is_parsed "$metrics2"
check "rules.yml: promtool check rules" \
	"$bin/promtool" check rules "$tool/prometheus/rules.yml"
check "alerts.yml: promtool check rules" \
	"$bin/promtool" check rules "$tool/prometheus/alerts.yml"
check "rules_test.yml: promtool test rules" \
	"$bin/promtool" test rules "$tool/prometheus/rules_test.yml"
if command -v systemd-analyze >/dev/null; then
	check "units: systemd-analyze verify" units_are_clean
else
	echo "ok units: systemd-analyze verify # SKIP there is no systemd-analyze"
fi

# ---- the servers

# serve NAME PATH COMMAND...: start a server that chooses its port itself, set "address" to
# where it listens, and wait until it serves PATH
serve()
{
	local name=$1 path=$2 pid
	shift 2

	: >"$tmp/$name.log"
	"$@" --web.listen-address=127.0.0.1:0 >>"$tmp/$name.log" 2>&1 &
	pid=$!
	while kill -0 "$pid" 2>/dev/null && ((SECONDS < patience)); do
		address=$(sed -n 's/.*msg="Listening on".* address=\(127[0-9.:]*\).*/\1/p' \
			"$tmp/$name.log")
		[ -z "$address" ] || ! http "$address/$path" >/dev/null 2>&1 || return 0
		sleep 0.2
	done
	tail -n 5 "$tmp/$name.log" >&2
	die "$name does not serve"
}

# http CURL-ARGUMENTS...: run curl without a proxy, and with a short timeout
http()
{
	curl -sS --fail-with-body --noproxy '*' --max-time 10 "$@"
}

# put METRICS HOST: replace the file of metrics as a whole, as kvm_exit_stat does
put()
{
	cp "$1" "$tmp/textfile.$2/.new" &&
		mv "$tmp/textfile.$2/.new" "$tmp/textfile.$2/kvm_exit_stat.prom"
}

textfile=$tmp/textfile.l1/kvm_exit_stat.prom
mkdir "$tmp"/textfile.{l1,a,b}
put "$metrics1" l1
put "$tmp/a.1" a
put "$tmp/b.1" b
targets=
for host in l1 a b; do
	serve "node-exporter-$host" metrics "$bin/prometheus-node-exporter" \
		--collector.disable-defaults --collector.textfile \
		--collector.textfile.directory="$tmp/textfile.$host"
	targets+="
      - targets: [\"$address\"]
        labels:
          instance: $host"
done

cat >"$tmp/prometheus.yml" <<EOF
global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files:
  - $tool/prometheus/rules.yml
  - $tool/prometheus/alerts.yml
scrape_configs:
  - job_name: node
    static_configs:$targets
EOF
serve prometheus -/ready "$bin/prometheus" --config.file="$tmp/prometheus.yml" \
	--storage.tsdb.path="$tmp/data"
api=http://$address/api/v1

# get PATH FILTER [ARGUMENT-OF-CURL...]: request PATH, and apply the jq filter to the answer
get()
{
	local path=$1 filter=$2
	shift 2

	http "$@" "$api/$path" |
		jq -r "if .status == \"success\" then .data else error(.error) end | $filter"
}

# query EXPRESSION FILTER [TIME]: evaluate EXPRESSION at TIME, by default now, and apply the jq
# filter to the result
query()
{
	get query ".result | $2" --data-urlencode "query=$1" ${3:+--data-urlencode "time=$3"}
}

# Functions of jq that print a series in the same way whether it is from a text or from the
# server: with sorted labels, and with numbers in one notation.  The multiplication by 1 is for jq
# 1.7, which prints a number as it was written unless it calculates.
# shellcheck disable=SC2016  # variables of jq
lines='def number: tonumber * 1;
	def line($name; $labels; $value):
	$labels | if .le and .le != "+Inf" then .le |= number else . end |
	"\($name){\(to_entries | sort_by(.key) | map("\(.key)=\(.value)") | join(","))} " +
	"\($value | number)";'

series_of_text()
{
	jq -nRr "$lines"'
		inputs | select(test("^(#|$)") | not) | . as $text |
		(capture("^(?<name>\\w+)(\\{(?<labels>.*)\\})? (?<value>\\S+)$") //
			error("not a sample: " + $text)) |
		line(.name; [(.labels // "") | scan("(\\w+)=\"([^\"]*)\"") |
			{ key: .[0], value: .[1] }] | from_entries; .value)' "$1" | sort
}

series_of_server()
{
	query '{__name__=~"kvm_.*",instance="'"$1"'"}' "$lines"'
		.[] | line(.metric.__name__; .metric | del(.__name__, .job, .instance);
			.value[1])' | sort
}

# server_has METRICS HOST: whether the server has exactly the series and values of a text
server_has()
{
	series_of_text "$1" >"$tmp/wanted" && series_of_server "$2" >"$tmp/came" || return 1
	diff --label "wanted" --label "came" -U 0 "$tmp/wanted" "$tmp/came"
}

exporter_has_no_error()
{
	local said

	said=$(query node_textfile_scrape_error '.[].value[1]') || return 1
	[ "$said" = $'0\n0\n0' ] || {
		echo "wanted node_textfile_scrape_error 0 of each host, came '$said'"
		return 1
	}
}

check "Prometheus has all metrics of before" comes_about server_has "$metrics1" l1
check "Prometheus has all metrics of before, host a" comes_about server_has "$tmp/a.1" a
check "Prometheus has all metrics of before, host b" comes_about server_has "$tmp/b.1" b
put "$metrics2" l1
put "$tmp/a.2" a
put "$tmp/b.2" b
check "Prometheus has all metrics of after" comes_about server_has "$metrics2" l1
check "Prometheus has all metrics of after, host a" comes_about server_has "$tmp/a.2" a
check "Prometheus has all metrics of after, host b" comes_about server_has "$tmp/b.2" b
check "the exporter has no error" exporter_has_no_error

# buckets_add_up NUMBER: test the buckets of the hosts a and b together, which have three VMs with
# 300 exits each of 1000 cycles, i.e. 1 us on a, and 385 ns on b.  NUMBER is for the bucket up to
# 1 us.
buckets_add_up()
{
	local said

	# shellcheck disable=SC2016  # of jq
	said=$(query 'sum by (le) (kvm_exit_handling_seconds_bucket{instance=~"a|b",reason="CPUID"})' \
		'map("\(.metric.le)=\(.value[1])") | sort | join(" ")') || return 1
	[ "$said" = "+Inf=900 0.000256=900 0.001024=900 0.004096=900 1.6e-05=900 1e-06=$1 2.5e-07=0 4e-06=900 6.4e-05=900" ] || {
		echo "came $said"
		return 1
	}
}
# Only the 300 exits of b are known to be below 1 us: the kernel's bucket with 1000 cycles ends at
# 1023 cycles, which is more than 1 us on a, at 1 GHz.
check "buckets of hosts with other TSCs add up" buckets_add_up 300

# ---- rules

rules_are_healthy()
{
	# shellcheck disable=SC2016  # variables of jq
	prints_nothing get rules '[.groups[].rules[]] |
		if length == 0 then "no rules" else .[] | select(.health != "ok") |
		"\(.name): \(.health) \(.lastError // "")" end'
}

recordings_have_results()
{
	local names name said

	names=$(get rules '.groups[].rules[] | select(.type == "recording").name') || return 1
	[ -n "$names" ] || { echo "no recording rules"; return 1; }
	for name in $names; do
		said=$(query "$name" 'length') || return 1
		[ "$said" != 0 ] || { echo "no result: $name"; return 1; }
	done
}

# Exit taxes and the time in the guest must add up to 1, which they do not if a part is missing or
# counts twice.  Evaluate all at the time at which the rules were evaluated, as rates over a few
# seconds change with each scrape.
taxes_add_up()
{
	local life=instance_isa:kvm_vcpu_seconds:rate5m time said

	time=$(query "timestamp($life{instance=\"l1\"})" '.[].value[1]') || return 1
	said=$(query "sum without (part) (instance_isa_part:kvm_exit_tax:ratio_rate5m{instance=\"l1\"})
		+ rate(kvm_exit_guest_seconds_total[5m]) / $life" \
		'.[].value[1] | tonumber | "\(. * 1000 | round) of 1000"' "$time") || return 1
	[ "$said" = "1000 of 1000" ] || { echo "wanted 1000 of 1000, came '$said'"; return 1; }
}

check "every recording rule has a result" comes_about recordings_have_results
check "no rule fails" comes_about rules_are_healthy
check "exit taxes and the time in the guest add up" comes_about taxes_add_up

# ---- the dashboard

# expression_has_results EXPRESSION TITLE: test an expression for each host, and that its results
# are of that host only, or of no single host if TITLE begins with "All hosts: "
expression_has_results()
{
	local expression=$1 title=${2-} instance all=false

	[[ $title != "All hosts: "* ]] || all=true
	# Leave out L1 for VMs, as its metrics have none.
	for instance in l1 a b; do
		[[ $title != "VMs: "* && $title != vm || $instance != l1 ]] || continue
		expression_of_host_has_results "$expression" $instance $all || return 1
	done
}

expression_of_host_has_results()
{
	local expression=$1 instance=$2 all=$3 quantifier=all said

	# Without $instance, e.g. for the variable that lists the hosts, results are of all hosts.
	[[ $expression = *\$instance* ]] || quantifier=any

	expression=${expression//\$__rate_interval/1m}
	expression=${expression//\$instance/$instance}
	expression=${expression//\$vm/.*}
	expression=${expression//\$reason/.*}
	[[ $expression != *\$* ]] || { echo "unknown variable: $expression"; return 1; }
	said=$(query "$expression" 'if length == 0 then "no result"
		elif '"$all"' and all(.[]; .metric | has("instance") | not) then "results"
		elif '"$quantifier"'(.[]; .metric.instance == "'"$instance"'") and
			('"$all"' | not) then "results"
		else "a result that is not of what the title says" end') || return 1
	[ "$said" = results ] || { printf '%s:\n%s\n' "$said" "$expression"; return 1; }
}

# Test a variable of the dashboard.  label_values() is Grafana's own, so replace it by a query.
variable_has_values()
{
	if [[ $1 =~ ^label_values\((.*),\ (.*)\)$ ]]; then
		expression_has_results "count by (instance, ${BASH_REMATCH[2]}) (${BASH_REMATCH[1]})" "$2"
	else
		echo "not of the form label_values(SERIES, LABEL): $1"
		return 1
	fi
}

number=0
while IFS=$'\t' read -r title id expression; do
	number=$((number + 1))
	check "dashboard: $title, query $id" expression_has_results "$expression" "$title"
done < <(jq -r '.panels[] | .title as $title | .targets[] |
	[$title, .refId, .expr] | join("\t")' "$dashboard")
while IFS=$'\t' read -r name expression; do
	number=$((number + 1))
	check "dashboard: variable $name" variable_has_values "$expression" "$name"
done < <(jq -r '.templating.list[] | select(.type == "query") |
	[.name, .query.query] | join("\t")' "$dashboard")

# Whether no query was missed: count all strings called "expr" or "query", wherever they are in the
# dashboard.
all_were_tried()
{
	local all

	all=$(jq '[.. | objects | .expr, .query? | strings] | length' "$dashboard") || return 1
	[ "$all" = $((number + 1)) ] || {
		echo "wanted $all, one of them the name of the data source, came $number"
		return 1
	}
}
check "dashboard: all queries were tried" all_were_tried

# ---- alerts

alerts()
{
	get alerts '.alerts[].labels.alertname'
}

# None of these alerts may be on, as the metrics are fresh and L1 has everything switched on.
no_false_alert()
{
	local said

	said=$(alerts) || return 1
	! grep -E '^KvmExitStat(Stale|Missing|sOff)$' <<<"$said"
}

# Whether an alert is on, which may be "pending": firing takes too long here, and is tested by
# rules_test.yml.
alert_is_on()
{
	local said

	said=$(alerts) || return 1
	grep -qx "$1" <<<"$said" || { echo "wanted $1, came: ${said:-none}"; return 1; }
}

check "no alert on metrics that are fresh" no_false_alert
touch -d '-10 minutes' "$textfile"
check "an alert on metrics that are stale" comes_about alert_is_on KvmExitStatStale
rm "$textfile"
check "an alert on metrics that are gone" comes_about alert_is_on KvmExitStatMissing
