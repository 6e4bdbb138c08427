# shellcheck shell=bash
# Sourced by every script of this room.
. "$(dirname "${BASH_SOURCE[0]}")/../lab/lib.sh"

# tidy_plots FILE...: gnuplot leaves blanks, and a blank line, where no patch may have them.
tidy_plots()
{
	sed -i -s -e 's/ *$//' -e '${/^$/d}' "$@"
}
