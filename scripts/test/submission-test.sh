#!/bin/bash
# submission-test.sh: test that submission.sh makes what the assignment asks for, and writes
# nothing if it refuses its arguments.  Also test scripts/course/submission/grade.py, which grades
# a mail, by mails of which each is spoiled in one way.
. "$(dirname "$0")/lib.sh"

parts=$top/scripts/course/submission
scratch=$build/submission-test
out=$scratch/out
made=$scratch/made
sha=0123456789abcdef0123456789abcdef01234567
ids='ID 0123456789 Last, First; ID 0123456790 Müller-Ó Briain, Zoë'

# Clones for LINUX=, of a repository with those directories of Linux that are tracked in build/linux

commit_to_upstream()
{
	git -C "$scratch/upstream" -c user.name=test -c user.email=test@localhost \
		commit -q -a -m "$1"
	git -C "$scratch/upstream" rev-parse HEAD
}

make_clones()
{
	local vmx=$scratch/upstream/arch/x86/kvm/vmx/vmx.c

	git clone -q --shared --no-tags --no-checkout "$tree" "$scratch/upstream"
	git -C "$scratch/upstream" remote remove origin
	git -C "$scratch/upstream" checkout -q -B base "$base"
	cp "$tree/.gitattributes" "$scratch/upstream/"
	git -C "$scratch/upstream" add .gitattributes
	commit_to_upstream base >/dev/null

	# A commit in which all lines are moved, and the context of one hunk differs
	git -C "$scratch/upstream" checkout -q -b nearby
	sed -i -e '1i /* One more line */' -e 's/Exit to user space when bus lock/Exit to userspace if bus lock/' "$vmx"
	nearby=$(commit_to_upstream nearby)
	git -C "$scratch/upstream" checkout -q -b conflict
	sed -i 's/vmx->fail = __vmx_vcpu_run(vmx, (/vmx->fail = !!__vmx_vcpu_run(vmx, (/' "$vmx"
	conflict=$(commit_to_upstream conflict)

	# A commit that has the diff already
	git -C "$scratch/upstream" checkout -q -b merged base
	git -C "$scratch/upstream" apply --index --whitespace=nowarn "$top/cmpe283-3.diff"
	merged=$(commit_to_upstream merged)

	git clone -q "$scratch/upstream" "$scratch/clone"
	git -C "$scratch/clone" checkout -q -b mine origin/nearby
	local_commit=$(git -C "$scratch/clone" -c user.name=test -c user.email=test@localhost \
		commit-tree -p HEAD -m mine "HEAD^{tree}")
	git -C "$scratch/clone" update-ref refs/heads/mine "$local_commit"
	git -C "$scratch/clone" remote set-url origin https://user:secret@example.org/linux
	git clone -q --bare "$scratch/upstream" "$scratch/bare.git"
	git -C "$scratch/bare.git" remote set-url origin https://example.org/linux.git
	git clone -q --bare "$scratch/clone" "$scratch/private.git"
	git -C "$scratch/private.git" remote remove origin
}

# submission VARIABLE=...: run submission.sh with these variables
submission()
{
	env -u INTERVAL -u LINUX COMMIT="$sha" IDS="$ids" "$@" "$top/scripts/course/submission.sh" "$out"
}

# makes DIRECTORY VARIABLE=...: whether a submission is made and complete; keep it in DIRECTORY
makes()
{
	rm -rf "$out"
	submission "${@:2}" >"$scratch/said" 2>&1 || { cat "$scratch/said"; return 1; }
	rm -rf "${made:?}/$1" "$out.graded"
	mv "$out" "$made/$1"
	[ "$(cd "$made/$1" && echo *)" = "cmpe283-3.diff cmpe283-3.pdf submission.eml" ]
}

# refuses STATUS PATTERN VARIABLE=...: whether submission.sh ends with that status and a line with
# PATTERN, and leaves its output directory as it was
refuses()
{
	local rc=0
	rm -rf "$out"
	mkdir "$out"
	touch "$out/before"
	submission "${@:3}" >"$scratch/said" 2>&1 || rc=$?
	cat "$scratch/said"
	echo "status $rc, must be $1, and a line with: $2"
	[ "$rc" = "$1" ] && grep -qE -- "$2" "$scratch/said" &&
		[ "$(echo "$out"*/*)" = "$out/before" ]
}

# bad_usage NAME PATTERN VARIABLE=...: test that bad arguments are refused
bad_usage()
{
	check "$1 is refused" refuses 2 "$2" "${@:3}"
}

# graded DIRECTORY: whether the grader accepts the mail, and its attachments are the files there
graded()
{
	rm -rf "$scratch/graded"
	"$parts/grade.py" "$made/$1/submission.eml" "$scratch/graded" &&
		cmp "$scratch/graded/diff" "$made/$1/cmpe283-3.diff" &&
		cmp "$scratch/graded/pdf" "$made/$1/cmpe283-3.pdf"
}

# says DIRECTORY LINE: whether the PDF there has this line
says()
{
	pdftotext -layout "$made/$1/cmpe283-3.pdf" "$scratch/text" &&
		sed 's/^ *//' "$scratch/text" | grep -qxF -- "$2"
}

same_lines()
{
	cmp <(without_places <"$1") <(without_places <"$2")
}

differs_by_interval()
{
	local lines
	lines=$(diff <(without_places <"$top/cmpe283-3.diff") <(without_places <"$1") | grep '^[<>]')
	echo "$lines"
	[ "$lines" = "$(printf '< +\tdefault 500\n> +\tdefault 42')" ]
}

# is_diff_of COMMIT DIFF: whether DIFF applies to COMMIT, and git diff then prints DIFF again
is_diff_of()
{
	(
		cd "$scratch/upstream" && git checkout -q --detach "$1" && git apply --index --whitespace=nowarn "$2" &&
			git diff --cached --full-index --no-renames "$1" | cmp - "$2" &&
			grep -q '^/\* One more line \*/$' arch/x86/kvm/vmx/vmx.c &&
			git reset -q --hard
	)
}

nothing_written()
{
	local files
	files=$(find "$scratch/clone" "$scratch/bare.git" -newer "$scratch/stamp")
	echo "$files"
	[ -z "$files" ]
}

# compiles DIFF: apply the diff of the mail to Debian's whole source, and compile KVM.  The copy of
# the source has hard links, which is safe, as git removes a file before it writes a new one.
compiles()
{
	rm -rf "$scratch/linux" && "$top/scripts/base/tree.sh" stock &&
		cp -al "$stock_tree" "$scratch/linux" &&
		(cd "$scratch/linux" && GIT_CEILING_DIRECTORIES=$scratch git apply --whitespace=nowarn "$1") &&
		TREE=$scratch/linux "$top/scripts/lab/kernel.sh" submission-test/kernel \
			base,kvm,exit_stats arch/x86/kvm/ &&
		[ -s "$scratch/kernel/arch/x86/kvm/exit_stats.o" ]
}

# distro_config SYMBOL: print Debian's configuration, but with the keys of Ubuntu's, and with debug
# info by that symbol: DWARF_TOOLCHAIN_DEFAULT as in Debian, or DWARF5 as in Ubuntu
distro_config()
{
	env -u KERNEL "$top/scripts/base/debian.sh" >&2 &&
		grep -vE '^CONFIG_(SYSTEM_.*_KEYS|DEBUG_INFO_DWARF.*)=' "$build"/debian/boot/config-* || return
	cat <<-END
		CONFIG_SYSTEM_TRUSTED_KEYS="debian/canonical-certs.pem"
		CONFIG_SYSTEM_REVOCATION_LIST=y
		CONFIG_SYSTEM_REVOCATION_KEYS="debian/canonical-revoked-certs.pem"
		CONFIG_DEBUG_INFO_$1=y
	END
}

# configure_by_mail DIRECTORY CONFIG: print the recipe's commands that configure the kernel, with
# these paths.  configure_by_readme: the same from the README, which configures in the source.
configure_by_mail()
{
	sed -n '/^# The configuration/,/^$/p' "$parts/recipe.sh" |
		sed -e "s|\.\./kernel|$1|" -e "s|\"\$config\"|'$2'|"
}

configure_by_readme()
{
	sed -n '/^ 3\. The configuration/,/^ 4\. /s/^        //p' "$top/README.cmpe283" |
		sed "s|/boot/config-[^)]*)|'$2'|"
}

# configures HOW SYMBOL: whether the commands that HOW prints turn the configuration with debug info
# by SYMBOL into one that builds without files of a distribution, has no debug info, and has the
# feature
configures()
{
	local out=$scratch/linux
	[ "$1" = configure_by_readme ] || out=$scratch/config
	rm -rf "$scratch/config"
	distro_config "$2" >"$scratch/distro.config" || return
	"$1" "$scratch/config" "$scratch/distro.config" >"$scratch/configure"
	(cd "$scratch/linux" && sh -eux "$scratch/configure") || return
	grep -E '^CONFIG_(SYSTEM_.*_KEYS|DEBUG_INFO.*|KVM_EXIT_STATS|KVM_INTEL)=' "$out/.config" >"$scratch/has"
	rm -f "$scratch/linux/.config"
	cat "$scratch/has"
	! grep -E '_KEYS="[^"]|DEBUG_INFO=' "$scratch/has" &&
		[ "$(grep -cE '_KEYS=""$|^CONFIG_KVM_EXIT_STATS=y|^CONFIG_KVM_INTEL=m|DEBUG_INFO_NONE=y' "$scratch/has")" = 5 ]
}

# Make a PDF with the lines of standard input.
pdf_of_text()
{
	{
		printf '.nf\n.ft CR\n.ps 8\n'
		sed -e 's/\\/\\[rs]/g' -e "s/'/\\\\[aq]/g" -e 's/`/\\[ga]/g' -e 's/\^/\\[ha]/g' \
			-e 's/~/\\[ti]/g' -e 's/^/\\\&/'
	} | groff -K utf-8 -Tpdf -P-pletter
}

# grader_refuses PATTERN COMMAND...: whether the grader refuses the mail that COMMAND prints, with
# one line, which matches PATTERN
grader_refuses()
{
	local rc=0
	"${@:2}" >"$scratch/spoiled.eml" || return
	rm -rf "$scratch/graded"
	said=$("$parts/grade.py" "$scratch/spoiled.eml" "$scratch/graded" 2>&1) || rc=$?
	echo "$said"
	echo "status $rc, must be 1, and one line with: $1"
	[ "$rc" = 1 ] && [ "$(wc -l <<<"$said")" = 1 ] && grep -qE -- "$1" <<<"$said"
}

# spoiled NAME PATTERN COMMAND...: test that the grader refuses what COMMAND makes of the good mail
spoiled()
{
	check "the grader refuses $1" grader_refuses "${@:2}"
}

# text_of_mail SED-SCRIPT: print the mail with its text edited
text_of_mail()
{
	sed -n '/^Content-Type: text\/plain/,/^--=/p' "$mail" | sed '1,/^$/d;/^--=/d' |
		python3 -c 'import quopri, sys; quopri.decode(sys.stdin.buffer, sys.stdout.buffer)' |
		sed -E "$1" >"$scratch/body"
	"$parts/spoil.py" body "$mail" "$scratch/body"
}

# pdf_of_mail SED-SCRIPT: print the mail with the text of its PDF edited
pdf_of_mail()
{
	pdftotext -layout "$made/own/cmpe283-3.pdf" - | tr -d '\f' | sed -E "$1" |
		pdf_of_text >"$scratch/pdf"
	"$parts/spoil.py" pdf "$mail" "$scratch/pdf"
}

diff_of_mail()
{
	sed -E "$1" "$made/own/cmpe283-3.diff" >"$scratch/diff"
	"$parts/spoil.py" diff "$mail" "$scratch/diff"
}

accepted()
{
	"$@" >"$scratch/edited.eml" && rm -rf "$scratch/graded" &&
		"$parts/grade.py" "$scratch/edited.eml" "$scratch/graded"
}

mkdir -p "$scratch"
# Remove all but the objects that were compiled.
find "$scratch" -mindepth 1 -maxdepth 1 ! -name kernel -exec rm -rf {} +
mkdir "$made"
base=$(git -C "$tree" rev-parse base)
make_clones
touch "$scratch/stamp"

bad_usage "no COMMIT" "no COMMIT" COMMIT=
bad_usage "a short COMMIT" "'abc', must be 40 hexa" COMMIT=abc
bad_usage "a COMMIT in upper case" "must be 40 hexa" COMMIT="${sha^^}"
bad_usage "a COMMIT with a name" "must be 40 hexa" COMMIT=v6.12
bad_usage "a COMMIT of 64 digits" "must be 40 hexa" COMMIT="$sha${sha:0:24}"
bad_usage "no IDS" "no IDS" IDS=
bad_usage "an ID of nine digits" "'ID 123456789 Last, First', must be" IDS='ID 123456789 Last, First'
bad_usage "an ID of letters" "must be 'ID', ten digits" IDS='ID 012345678x Last, First'
bad_usage "a line without ID" "must be 'ID', ten digits" IDS='0123456789 Last, First'
bad_usage "an ID without a name" "must be 'ID', ten digits" IDS='ID 0123456789'
bad_usage "an empty first name" "must be 'ID', ten digits" IDS='ID 0123456789 Last, '
bad_usage "an empty last name" "must be 'ID', ten digits" IDS='ID 0123456789 , First'
bad_usage "a name without a comma" "must be 'ID', ten digits" IDS='ID 0123456789 First Last'
bad_usage "an empty item" "IDS has '', must be" IDS="ID 0123456789 Last, First; ; ID 0123456790 Last, First"
bad_usage "an ID that comes twice" "'ID 0123456789' twice" \
	IDS='ID 0123456789 Last, First; ID 0123456789 Last, Second'
bad_usage "what some did, and others not" "or of nobody" \
	IDS='ID 0123456789 Last, First: the hooks; ID 0123456790 Last, Second'
bad_usage "a name of two lines" "control characters" IDS=$'ID 0123456789 Last, Fi\nrst'
bad_usage "a name in Latin-1" "not UTF-8" IDS=$'ID 0123456789 M\xfcller, First'
bad_usage "a name that the PDF has no letters for" "U\+738B" IDS='ID 0123456789 王, First'
bad_usage "an INTERVAL that is no number" "'often', must be 1 to 500" INTERVAL=often
for interval in '' 0 -1 501 1000 05 4294967796 1.5; do
	bad_usage "INTERVAL=$interval" "INTERVAL is '$interval', must be 1 to 500" INTERVAL="$interval"
done
bad_usage "LINUX that is not there" "'/nowhere', must be a git repo" LINUX=/nowhere
bad_usage "an empty LINUX" "LINUX is '', must be a git repo" LINUX=
bad_usage "LINUX in a git repository" "must be a git repo" LINUX="$scratch"
bad_usage "a COMMIT that the clone has not" "'$sha', must be a commit in" LINUX="$scratch/clone"
bad_usage "a COMMIT that is a tree" "must be a commit in" LINUX="$scratch/clone" \
	COMMIT="$(git -C "$scratch/clone" rev-parse "HEAD^{tree}")"
bad_usage "a local commit" "a local commit of" LINUX="$scratch/clone" COMMIT="$local_commit"
bad_usage "a commit of a bare repository that is no clone" "a local commit of" \
	LINUX="$scratch/private.git" COMMIT="$nearby"
check "a commit in conflict is refused, with the hunk" \
	refuses 1 '^ \+	vmx->fail = !!__vmx_vcpu_run\(vmx, ' \
	LINUX="$scratch/clone" COMMIT="$conflict"
check "a commit with the diff in it is refused" refuses 1 "has a .*: it has the diff already" \
	LINUX="$scratch/clone" COMMIT="$merged"

check "a submission is made" makes own
check "one line says that COMMIT was not looked up" grep -q "nobody looked whether $sha" "$scratch/said"
check "one line says that all took part" grep -q "all took part in everything; else" "$scratch/said"
check "the grader accepts it" graded own
check "the diff is that of the repository" same_lines "$top/cmpe283-3.diff" "$made/own/cmpe283-3.diff"
check "the PDF says that all took part" \
	says own "• Müller-Ó Briain, Zoë (ID 0123456790): took part in everything"
check "the diff of the mail compiles" compiles "$scratch/graded/diff"
# The README's comes last: it leaves files in the source, after which kbuild refuses the mail's,
# which builds in a directory of its own.
for how in configure_by_mail configure_by_readme; do
	for symbol in DWARF_TOOLCHAIN_DEFAULT DWARF5; do
		check "a configuration of a distribution with $symbol is made fit: $how" \
			configures "$how" "$symbol"
	done
done

check "INTERVAL=42 can be had" makes interval INTERVAL=42
check "the grader accepts it" graded interval
check "the diff has it, and nothing else differs" differs_by_interval "$made/interval/cmpe283-3.diff"
check "a diff for a commit of a clone can be had" makes nearby LINUX="$scratch/clone" COMMIT="$nearby"
check "the grader accepts it" graded nearby
check "it is the diff of that commit" is_diff_of "$nearby" "$made/nearby/cmpe283-3.diff"
check "a diff for a commit of a bare clone can be had" makes bare LINUX="$scratch/bare.git" \
	COMMIT="$nearby" IDS="ID 0123456789 Last, First: the hooks, O'Neill's \\-2 \`^~"
check "it is the same" cmp "$made/bare/cmpe283-3.diff" "$made/nearby/cmpe283-3.diff"
check "the PDF says who did what" \
	says bare "• Last, First (ID 0123456789): the hooks, O'Neill's \\-2 \`^~"
check "the recipe clones from where the clone is from" \
	says bare linux=https://example.org/linux.git
check "but not with somebody's password" \
	says nearby linux=https://git.kernel.org/pub/scm/linux/kernel/git/stable/linux.git
check "nothing was written to the clones" nothing_written

mail=$made/own/submission.eml
spoil=$parts/spoil.py
check "the grader accepts other PDFs" accepted pdf_of_mail ''
check "the grader accepts other texts" accepted text_of_mail 's/^CMPE283.*/Hello,/'
spoiled "another subject" "the subject is not" sed 's/^Subject: .*/& 3/' "$mail"
spoiled "a text in HTML" "HTML$" "$spoil" html_body "$mail"
spoiled "a text in HTML besides" "HTML$" "$spoil" html_besides "$mail"
spoiled "an attachment in HTML" "HTML$" "$spoil" html_attached "$mail"
spoiled "a text in two parts" "one part of plain text" "$spoil" two_texts "$mail"
spoiled "a third attachment" "3 attachments, not 2" "$spoil" third_attachment "$mail"
spoiled "a mail without the diff" "1 attachments, not 2" "$spoil" only_pdf "$mail"
spoiled "two diffs" "not a .pdf and a .diff" "$spoil" two_diffs "$mail"
spoiled "a diff with CR LF" "ends of lines" "$spoil" crlf_diff "$mail"
spoiled "a diff that is none of git's" "none of git's" diff_of_mail 1d
spoiled "a diff without an interval" "no default" diff_of_mail 's/^\+	default 500$/+	default y/'
spoiled "a diff with an interval that is too long" "not 1 to 500" diff_of_mail 's/^\+	default 500$/&0/'
spoiled "a diff with another interval" "the interval of the diff" \
	diff_of_mail 's/^\+	default 500$/+	default 250/'
spoiled "no commit" "no line 'commit SHA'" text_of_mail '/^commit /d'
spoiled "a commit that is not alone" "no line 'commit SHA'" text_of_mail 's/^commit .*/&, i.e. v6.12/'
spoiled "two commits" "no line 'commit SHA'" text_of_mail 's/^commit .*/&\n&/'
spoiled "no ID" "there is no ID" text_of_mail '/^ID /d'
spoiled "an ID of nine digits" "is not 'ID 0123456789 Last, First'" text_of_mail 's/^ID 0(.*Last)/ID \1/'
spoiled "an ID that comes twice" "an ID twice" text_of_mail 's/^ID .*Last.*/&\n&/'
spoiled "a PDF that is none" "the PDF is none" "$spoil" pdf "$mail" "$mail"
for answer in 1. 2. 3.; do
	spoiled "a PDF without answer $answer" "not these three" pdf_of_mail "/^$answer /d"
done
spoiled "a PDF that does not say what one did" "what Last, First did" pdf_of_mail 's/(Last, First.*)took.*/\1/'
spoiled "a PDF that lacks a command" "has no 'make O=../kernel olddefconfig'" pdf_of_mail '/olddefconfig/d'
spoiled "a PDF that breaks a command" "has no 'grep -v .* reasons/\*/count'" pdf_of_mail 's,reasons/\*/count,\n&,'
spoiled "a PDF with the recipe for another commit" "has no 'commit=$sha'" pdf_of_mail "s/^( *commit=)0/\11/"
spoiled "a PDF that does not say where Linux is" "where to clone Linux from" pdf_of_mail '/^ *linux=/d'
spoiled "a PDF that does not say the interval" "the interval of the diff" \
	pdf_of_mail 's/The interval is 500/It is 500/'
