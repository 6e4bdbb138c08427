# shellcheck shell=bash
# Sourced by every script of this room.
. "$(dirname "${BASH_SOURCE[0]}")/../lab/lib.sh"

# tidy_plots FILE...: remove the blanks at the end of lines, and the blank line at the end of the
# file, that gnuplot writes: a patch must not add these.
tidy_plots()
{
	sed -i -s -e 's/ *$//' -e '${/^$/d}' "$@"
}
