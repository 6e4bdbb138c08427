# shellcheck shell=bash
# shellcheck disable=SC2154  # of lib.sh
# Sourced after lib.sh, by what gets packages that are not to be installed here.

# Debian's suite that has the kernel of BASE, where this machine's own release has not
suite_of_base()
{
	case $base_version in
	7.3)
		echo trixie-backports
		;;
	6.1)
		has_codename bookworm || echo bookworm
		;;
	esac
}

# Whether this machine's release has the name that SUITE begins with
has_codename()
{
	local codename
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
	[ "${1%%-*}" = "$codename" ]
}

# The mirror that this machine uses
mirror()
{
	local uri
	# shellcheck disable=SC2016  # apt's
	uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' |
		sed -n 1p)
	echo "${uri:-http://deb.debian.org/debian}"
}

# use_suite SUITE: have apt() look into that suite and no other, or, without a name, into
# what this machine is set up for.  The lists are apart: nothing of the suite is ever offered
# to this machine.
use_suite()
{
	# Or root's download warns that the user _apt cannot get at the directory
	apt_options=(-q -o APT::Sandbox::User=root)
	[ -n "$1" ] || return 0

	local dir=$build/apt/$1
	mkdir -p "$dir"/lists/partial "$dir"/cache/archives/partial
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) $1 main" \
		>"$dir/sources.list"
	apt_options+=(-o "Dir::Etc::SourceList=$dir/sources.list" -o Dir::Etc::SourceParts=-
		-o "Dir::State::Lists=$dir/lists" -o "Dir::Cache=$dir/cache")
	ls "$dir"/lists/*Packages* >/dev/null 2>&1 || update_lists
}

update_lists()
{
	apt-get "${apt_options[@]}" -o APT::Update::Error-Mode=any update
}
