#!/bin/bash
# prometheus.sh BINDIR METRICS1 METRICS2: test what kvm_exit_stat has for Prometheus,
# from end to end.  BINDIR is where fetch.sh unpacked them, METRICS1 and METRICS2 are
# what --openmetrics printed before and after a guest worked.
#
# Every test is a line "ok NAME" or "not ok NAME"; what was wanted, and what came, is
# below the latter.  The status is 0 if the script came to its end.
. "$(dirname "$0")/lib.sh"

[ $# = 3 ] || die "usage: prometheus.sh BINDIR METRICS1 METRICS2"
bin=$1
metrics1=$2
metrics2=$3

tool=$top/tools/kvm/kvm_exit_stat
dashboard=$tool/prometheus/dashboard.json
# Seconds that all waits may take together, and each may in any case
patience=60
least=5

[ -d "$bin/usr/bin" ] && bin=$bin/usr/bin
for program in "$bin"/{prometheus,promtool,prometheus-node-exporter}; do
	[ -x "$program" ] || die "there is no $program"
done
for program in curl jq; do
	command -v "$program" >/dev/null || die "there is no $program"
done
for file in "$metrics1" "$metrics2"; do
	[ -s "$file" ] || die "there is nothing in $file"
done

cleanup()
{
	local pid

	# Bash has a word on each that is killed
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

# comes_about COMMAND...: COMMAND succeeds, soon; prints what it printed last
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

# ---- without a server

lint_is_clean()
{
	prints_nothing "$bin/promtool" check metrics <"$1"
}

# The only way to that parser without a server wants a time in every line.
openmetrics_is_parsed()
{
	local out

	out=$(mktemp -d -p "$tmp")
	awk '/^#/ { print; next } { print $0, 1700000000 }' "$1" >"$out/text" &&
		"$bin/promtool" tsdb create-blocks-from openmetrics "$out/text" "$out/blocks"
}

# In a root of their own, since the tool need not be installed here
units_are_clean()
{
	local root=$tmp/root

	mkdir -p "$root"/{usr/bin,usr/lib/systemd,etc/systemd/system} &&
		ln -s usr/lib "$root/lib" &&
		cp -r /lib/systemd/system "$root/usr/lib/systemd/" &&
		cp /bin/true "$root/usr/bin/kvm_exit_stat" &&
		cp "$tool"/systemd/* "$root/etc/systemd/system/" &&
		prints_nothing systemd-analyze --root="$root" --man=no verify \
			kvm_exit_stat.service kvm_exit_stat.timer
}

check "metrics before: promtool check metrics" lint_is_clean "$metrics1"
check "metrics after: promtool check metrics" lint_is_clean "$metrics2"
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

# serve NAME PATH COMMAND...: start a server that chooses its port itself, find its
# address, wait until it has PATH
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

# http CURL-ARGUMENTS...: of no proxy, not for long
http()
{
	curl -sS --fail-with-body --noproxy '*' --max-time 10 "$@"
}

# put METRICS: as kvm_exit_stat does, never half of it
put()
{
	cp "$1" "$tmp/textfile/.new" && mv "$tmp/textfile/.new" "$textfile"
}

textfile=$tmp/textfile/kvm_exit_stat.prom
mkdir "$tmp/textfile"
put "$metrics1"
serve node-exporter metrics "$bin/prometheus-node-exporter" --collector.disable-defaults \
	--collector.textfile --collector.textfile.directory="$tmp/textfile"

cat >"$tmp/prometheus.yml" <<EOF
global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files:
  - $tool/prometheus/rules.yml
  - $tool/prometheus/alerts.yml
scrape_configs:
  - job_name: node
    static_configs:
      - targets: ["$address"]
        labels:
          instance: l1
EOF
serve prometheus -/ready "$bin/prometheus" --config.file="$tmp/prometheus.yml" \
	--storage.tsdb.path="$tmp/data"
api=http://$address/api/v1

# get PATH FILTER [ARGUMENT-OF-CURL...]: of the answer to a request
get()
{
	local path=$1 filter=$2
	shift 2

	http "$@" "$api/$path" |
		jq -r "if .status == \"success\" then .data else error(.error) end | $filter"
}

# query EXPRESSION FILTER [TIME]: of the result, now if there is no TIME
query()
{
	get query ".result | $2" --data-urlencode "query=$1" ${3:+--data-urlencode "time=$3"}
}

# One line for each series, the same of a text and of the server: labels in one
# order, numbers in one notation.
# shellcheck disable=SC2016  # variables of jq
lines='def line($name; $labels; $value):
	$labels | if .le and .le != "+Inf" then .le |= tonumber else . end |
	"\($name){\(to_entries | sort_by(.key) | map("\(.key)=\(.value)") | join(","))} " +
	"\($value | tonumber)";'

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
	query '{__name__=~"kvm_exit_.*"}' "$lines"'
		.[] | line(.metric.__name__; .metric | del(.__name__, .job, .instance);
			.value[1])' | sort
}

# Nothing missing, nothing more, and the values are equal
server_has()
{
	series_of_text "$1" >"$tmp/wanted" && series_of_server >"$tmp/came" || return 1
	diff --label "wanted" --label "came" -U 0 "$tmp/wanted" "$tmp/came"
}

exporter_has_no_error()
{
	local said

	said=$(query node_textfile_scrape_error '.[].value[1]') || return 1
	[ "$said" = 0 ] || { echo "wanted node_textfile_scrape_error 0, came '$said'"; return 1; }
}

check "Prometheus has all metrics of before" comes_about server_has "$metrics1"
put "$metrics2"
check "Prometheus has all metrics of after" comes_about server_has "$metrics2"
check "the exporter has no error" exporter_has_no_error

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

# They do not if there are more parts than time away, or if one is missing.  At the
# time of the rules: rates of a few seconds change with each scrape.
taxes_add_up()
{
	local life=instance_isa:kvm_vcpu_seconds:rate5m time said

	time=$(query "timestamp($life)" '.[].value[1]') || return 1
	said=$(query "sum without (part) (instance_isa_part:kvm_exit_tax:ratio_rate5m)
		+ rate(kvm_exit_guest_seconds_total[5m]) / $life" \
		'.[].value[1] | tonumber | "\(. * 1000 | round) of 1000"' "$time") || return 1
	[ "$said" = "1000 of 1000" ] || { echo "wanted 1000 of 1000, came '$said'"; return 1; }
}

check "every recording rule has a result" comes_about recordings_have_results
check "no rule fails" comes_about rules_are_healthy
check "exit taxes and the time in the guest add up" comes_about taxes_add_up

# ---- the dashboard

# Without "instance" in the result, buckets of different hosts were added up.
expression_has_results()
{
	local expression=$1 said

	expression=${expression//\$__rate_interval/1m}
	expression=${expression//\$instance/l1}
	expression=${expression//\$reason/.*}
	[[ $expression != *\$* ]] || { echo "unknown variable: $expression"; return 1; }
	said=$(query "$expression" 'if length == 0 then "no result"
		elif all(.[]; .metric.instance == "l1") then "results"
		else "a result that is not of one host" end') || return 1
	[ "$said" = results ] || { printf '%s:\n%s\n' "$said" "$expression"; return 1; }
}

# label_values() is Grafana's own.
variable_has_values()
{
	if [[ $1 =~ ^label_values\((.*),\ (.*)\)$ ]]; then
		expression_has_results "count by (instance, ${BASH_REMATCH[2]}) (${BASH_REMATCH[1]})"
	else
		echo "not of the form label_values(SERIES, LABEL): $1"
		return 1
	fi
}

number=0
while IFS=$'\t' read -r title id expression; do
	number=$((number + 1))
	check "dashboard: $title, query $id" expression_has_results "$expression"
done < <(jq -r '.panels[] | .title as $title | .targets[] |
	[$title, .refId, .expr] | join("\t")' "$dashboard")
while IFS=$'\t' read -r name expression; do
	number=$((number + 1))
	check "dashboard: variable $name" variable_has_values "$expression"
done < <(jq -r '.templating.list[] | select(.type == "query") |
	[.name, .query.query] | join("\t")' "$dashboard")

# Of all that is named so, wherever it is
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

# The metrics are new, and L1 has everything switched on.
no_false_alert()
{
	local said

	said=$(alerts) || return 1
	! grep -E '^KvmExitStat(Stale|Missing|sOff)$' <<<"$said"
}

# Pending: none has time to fire here, see rules_test.yml for that
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
