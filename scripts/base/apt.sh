# shellcheck shell=bash
# shellcheck disable=SC2154  # set in lib.sh
# Sourced after lib.sh, by scripts that get Debian packages without installing them here.

# Print the Debian suite that has the kernel of BASE, or nothing if this machine's own release
# has that kernel.
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

# has_codename SUITE: whether a suite, e.g. trixie-backports, is of this machine's release
has_codename()
{
	local codename
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
	[ "${1%%-*}" = "$codename" ]
}

# Print the address of the Debian mirror that this machine uses.
mirror()
{
	local uri
	# shellcheck disable=SC2016  # for apt-get to expand
	uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' |
		sed -n 1p)
	echo "${uri:-http://deb.debian.org/debian}"
}

# use_suite SUITE: set apt_options, with which apt looks into that suite and no other.  If SUITE
# is empty, apt uses the sources that this machine is set up for.  The package lists of the suite
# are not among this machine's own, so that no package of it is ever offered to this machine.
use_suite()
{
	# Without this, a download by root warns that the user _apt cannot access the directory.
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

# image_of RELEASE: print the name of the package with this kernel.  Debian publishes it unsigned,
# with the source, and signed some time later: take the unsigned one until then.
image_of()
{
	local image=linux-image-$1

	apt-cache "${apt_options[@]}" policy "$image" | grep -q 'Candidate: [^(]' || image+=-unsigned
	echo "$image"
}
