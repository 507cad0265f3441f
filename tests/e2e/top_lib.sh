# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: MIT
#
# A terminal for pyrope top, which is tmux: keys go in, the screen comes out. Each test waits for what is to be seen.

terminals=0
tmux_command=()

command -v tmux >/dev/null || skip_all "tmux is missing: ./autogen.sh --deps installs it"

end_tmux() {
	[ "$terminals" = 0 ] || "${tmux_command[@]}" kill-server 2>/dev/null
	clean_up
}
trap end_tmux EXIT

# open_terminal COLUMNS ROWS [VARIABLE=VALUE...]: a shell in a new terminal. Each is a server of its own: one that is told to end has
# not ended yet.
open_terminal() {
	local columns=$1 rows=$2
	shift 2
	[ "$terminals" = 0 ] || "${tmux_command[@]}" kill-server 2>/dev/null
	terminals=$((terminals + 1))
	tmux_command=(tmux -L "pyrope-$$-$terminals" -f /dev/null)
	env "$@" "${tmux_command[@]}" new-session -d -x "$columns" -y "$rows" \
		"env PS1='prompt> ' ${*:-LANG=C.UTF-8} bash --norc --noprofile -i"
	see_prompt
}

screen() {
	"${tmux_command[@]}" capture-pane -p
}

shows() {
	screen | grep -q -E -- "$1"
}

# see PATTERN: it comes to stand on the screen.
see() {
	wait_until shows "$1" && return
	screen
	return 1
}

keys() {
	"${tmux_command[@]}" send-keys "$@"
}

# The shell waits for a command: its prompt is the last line.
has_prompt() {
	screen | grep . | tail -n 1 | grep -q -x 'prompt> *'
}

see_prompt() {
	wait_until has_prompt
}

# types TEXT: a command for the shell.
types() {
	keys -l -- "$1"
	keys Enter
}

# run_top OPTIONS: until the table is there.
run_top() {
	types "clear; '$pyrope' top $*; echo code=\$?."
	see '^pyrope top  '
}

# The terminal is the shell's again: nothing of the view, lines are echoed, and as they were.
is_restored() {
	local code=$1
	see "code=$code\\." || return 1
	types "clear; echo again; stty -a | grep -o -E -- '-?(icanon|echo|isig) '"
	see '^again' && see '^icanon$' && see '^echo$' && ! shows '^-(icanon|echo|isig)' && ! shows 'pyrope top  '
}

leaves() {
	keys q
	is_restored "${1:-0}"
}

# The number in a column (1 to 4) of the row that a pattern finds. What is 0 is blank there.
column() {
	local -a places=(0 1-8 9-16 17-25 26-34)
	screen | grep -E -- "$1" | head -n 1 | cut -c "${places[$2]}" | tr -d ' '
}

# between LOW HIGH NUMBER
between() {
	awk -v low="$1" -v high="$2" -v number="$3" 'BEGIN { exit !(number ~ /^[0-9.]+$/ && number >= low && number <= high) }'
}

column_is() {
	between "$3" "$4" "$(column "$1" "$2")"
}

sees_column() {
	wait_until column_is "$@" && return
	screen
	return 1
}
