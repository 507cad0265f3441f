# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: MIT
#
# What every end-to-end test needs: the interpreters to test with, target programs that are started and waited for, pyrope
# itself, TAP, and the certainty that nothing is left behind. A test sources this file first and calls `finish` last.
#
# The environment says what to test:
#   PYROPE                the program (default: pyrope in the current directory)
#   PYROPE_TEST_PYTHONS   more interpreters, separated by spaces or colons; chroot:/DIR:/usr/bin/python3.14 is one in a chroot
#   PYROPE_TEST_VERSIONS  only these of them, as "3.8 3.13t"
#   PYROPE_TEST_BUILDS    "all": each test runs with the special builds, too (is_special)
#   PYROPE_TEST_REQUIRE   versions whose absence is a failure and not a skip, as "2.7 3.11"
#   PYROPE_TEST_SCALE     multiplies rounds and durations of the tests that try to catch pyrope out (default 1)
#   PYROPE_INFERNO        inferno-flamegraph or flamegraph.pl
#
# Nothing here sleeps and hopes: what a test needs is waited for with `wait_until`, and the deadline is long enough for a
# machine that is busy with something else.
set -u
export LC_ALL=C.UTF-8

e2e=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
targets=$(cd "$e2e/../targets" && pwd)
pyrope=${PYROPE:-$PWD/pyrope}
scale=${PYROPE_TEST_SCALE:-1}
expected_versions="2.7 3.6 3.7 3.8 3.9 3.10 3.11 3.12 3.13 3.14 3.15"
expected_versions+=" 3.13t 3.14t 3.4 3.5 3.10-lto 3.11-lto 3.14-tail 3.14-jit 3.14d 3.15d"
deadline_s=120

scratch=$(mktemp -d "${TMPDIR:-/tmp}/pyrope-e2e.XXXXXX")
programs=$scratch/programs # the targets, at the same path inside and outside of every chroot
chroots=()
children=()
tests_run=0

# ---- TAP ----

ok() {
	tests_run=$((tests_run + 1))
	echo "ok $tests_run - $1"
}

not_ok() {
	tests_run=$((tests_run + 1))
	echo "not ok $tests_run - $1"
}

# Does SIGTSTP stop anything? Not in an orphaned process group (setsid, no terminal), says POSIX.
stop_signals_work() {
	local child state
	sleep 60 &
	child=$!
	kill -TSTP "$child"
	sleep 0.3
	state=$(process_state "$child")
	kill -KILL "$child"
	wait "$child" 2>/dev/null
	[ "$state" = T ]
}

# skip DESCRIPTION REASON
skip() {
	tests_run=$((tests_run + 1))
	echo "ok $tests_run - $1 # SKIP $2"
}

# Prints its standard input as diagnostics, bounded in lines and columns.
diag() {
	head -n 40 | cut -c 1-2000 | tr -d '\000' | sed 's/^/# /'
}

# check DESCRIPTION COMMAND [ARG...]: passes when the command does. What it printed explains a failure.
check() {
	local description=$1
	shift
	if "$@" >"$scratch/check" 2>&1; then
		ok "$description"
		return 0
	fi
	not_ok "$description"
	{
		echo "failed: $*"
		cat "$scratch/check"
	} | diag
	return 1
}

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

finish() {
	echo "1..$tests_run"
	exit 0
}

# ---- leaving nothing behind ----

# The pid of a child that has been waited for may be another process by now, of somebody else.
is_child() {
	grep -q "^PPid:[[:space:]]*$$\$" "/proc/$1/status" 2>/dev/null
}

# Ends children by their pids, SIGKILL included for what does not listen.
reap() {
	local pid
	for pid in "$@"; do
		is_child "$pid" && kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
}

# What the shell itself had to say is shown at the end, but for its notes on children that were killed on purpose.
exec 2>"$scratch/shell"

clean_up() {
	local root
	[ ${#children[@]} -eq 0 ] || reap "${children[@]}"
	grep -v -E '[0-9] (Killed|Terminated|Hangup|Interrupt) ' "$scratch/shell" | diag
	for root in ${chroots[@]+"${chroots[@]}"}; do
		rm -rf "${root:?}$scratch"
	done
	rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# ---- waiting ----

# wait_until COMMAND [ARG...]: true as soon as the command is, false after the deadline.
wait_until() {
	local end=$((SECONDS + deadline_s))
	until "$@"; do
		[ $SECONDS -lt $end ] || {
			echo "waited in vain: $*" >&2
			return 1
		}
		sleep 0.01
	done
}

# in_five_tries COMMAND [ARG...]: for what is measured and must be at its best once: what others do on the machine can only make it
# worse, and a fault is there in each try. What the last one has printed is shown.
in_five_tries() {
	local try
	for ((try = 1; try <= 5; try++)); do
		if "$@" >"$scratch/try" 2>&1; then break; fi
	done
	cat "$scratch/try"
	[ "$try" -le 5 ]
}

is_gone() {
	! kill -0 "$1" 2>/dev/null || [ "$(process_state "$1")" = Z ]
}

# The state letter of a process (proc(5)); empty when it is gone.
process_state() {
	sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null
}

# ---- interpreters ----

# Candidates, one per line: a path, or chroot:DIR:PATH.
list_candidates() {
	local entry directory
	for entry in ${PYROPE_TEST_PYTHONS:-}; do
		case $entry in
		chroot:*) echo "$entry" ;;
		*) tr ':' '\n' <<<"$entry" ;;
		esac
	done
	for directory in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin; do
		ls "$directory"/python[23].* 2>/dev/null
	done
	tr ':' '\n' <<<"$PATH" | while read -r directory; do
		case $directory in
		*/shims) ;; # they lead to what the versions directory has
		*) ls "${directory:-.}"/python[23].* 2>/dev/null ;;
		esac
	done
}

candidate_command() {
	local rest=${1#chroot:}
	if [ "$rest" = "$1" ]; then
		echo "$1"
	else
		echo "chroot ${rest%%:*} ${rest#*:}"
	fi
}

# One line "name|kind|command" for a CPython that works: 3.11, 3.13t, 3.14d, 3.14-jit for a python3.14-jit.
probe_candidate() {
	local command flavour=
	command=$(candidate_command "$1")
	case ${1##*/} in *-*) flavour=-${1##*-} ;; esac
	# shellcheck disable=SC2086 # the command is meant to be split
	timeout 60 $command -c '
import sys
try:
    from sysconfig import get_config_var
except ImportError:  # 2.6
    from distutils.sysconfig import get_config_var
shared = get_config_var("Py_ENABLE_SHARED")
try:
    shared = "libpython" in open("/proc/self/maps").read()
except (IOError, OSError):
    pass
name = "%d.%d" % sys.version_info[:2]
name += get_config_var("Py_GIL_DISABLED") and "t" or ""
name += hasattr(sys, "gettotalrefcount") and "d" or ""
is_cpython = getattr(sys, "subversion", ("CPython",))[0] == "CPython"
is_cpython = is_cpython and getattr(getattr(sys, "implementation", None), "name", "cpython") == "cpython"
if is_cpython and sys.prefix == getattr(sys, "base_prefix", sys.prefix):
    sys.stdout.write("%s %s\n" % (name, shared and "shared" or "static"))
' 2>/dev/null | {
		read -r name kind && echo "$name$flavour|$kind|$command"
	}
}

# The first of a name keeps the name; one of another kind (shared, static) is a variant; all else is a duplicate.
list_interpreters() {
	local candidate
	list_candidates | grep -E '(^|/)python[23]\.[0-9]+[td]?(-(lto|tail|jit))?$' | awk '!seen[$0]++' | while read -r candidate; do
		probe_candidate "$candidate"
	done | awk -F'|' '
		!($1 in kind) { kind[$1] = $2; print $1 "|" $3; next }
		kind[$1] != $2 && !($1 "-" $2 in kind) { kind[$1 "-" $2] = $2; print $1 "-" $2 "|" $3 }
	' | sort -V
}

# Asking twenty interpreters takes a while, so the answer is kept for as long as the files are the same.
find_interpreters() {
	local key cache candidate rest
	key=$(list_candidates | while read -r candidate; do
		rest=${candidate#chroot:}
		[ "$rest" = "$candidate" ] || rest=${rest%%:*}${rest#*:}
		stat -L -c '%n %Y %s %i' "$rest" 2>/dev/null
	done | cksum | tr ' ' '-')
	cache=${TMPDIR:-/tmp}/pyrope-e2e-interpreters.$(id -u).$key
	# Not believed when it is another user's.
	if ! [ -O "$cache" ] || [ -L "$cache" ]; then
		list_interpreters >"$scratch/interpreters"
		cp "$scratch/interpreters" "$scratch/cache" && mv -f "$scratch/cache" "$cache"
	fi
	cat "$cache"
}

is_wanted() {
	awk -F'|' -v versions="${PYROPE_TEST_VERSIONS:-}" 'versions == "" || index(" " versions " ", " " $1 " ")'
}

mapfile -t interpreters < <(find_interpreters | is_wanted)

# Sets python (the command, an array), python_name and python_version (major * 100 + minor) from "name|command".
use_interpreter() {
	local version=${1%%|*}
	python_name=$version
	read -r -a python <<<"${1#*|}"
	version=${version%%-*}
	version=${version%%[td]*}
	python_version=$((${version%%.*} * 100 + ${version#*.}))
	python_root=
	[ "${python[0]}" != chroot ] || python_root=${python[1]}
	lend_programs "$python_root"
}

# Puts the target programs where the interpreter can see them.
lend_programs() {
	local root
	for root in ${chroots[@]+"${chroots[@]}"}; do
		[ "$root" != "$1" ] || return 0
	done
	if [ -n "$1" ]; then
		chroots+=("$1")
	elif [ -e "$programs" ]; then
		return 0
	fi
	mkdir -p "$1$programs"
	cp "$targets"/*.py "$1$programs"
}

# Interpreters that differ from another one of their series only in how they were built, and those whose standard library is not
# their own. They run what tells whether pyrope reads them at all and right (for_each_build).
is_special() {
	case $1 in
	3.4 | 3.5 | 3.[45]-* | *[0-9]d | *[0-9]td | *[0-9]d-* | *[0-9]td-* | *-lto* | *-tail* | *-jit*) return 0 ;;
	esac
	return 1
}

is_left_out() {
	[ "${PYROPE_TEST_BUILDS:-}" != all ] && is_special "$1"
}

is_free_threaded() {
	case $python_name in *[0-9]t*) return 0 ;; esac
	return 1
}

# for_each_interpreter FUNCTION [ARG...]
for_each_interpreter() {
	local interpreter
	[ ${#interpreters[@]} -gt 0 ] || skip "$*" "no interpreter found"
	for interpreter in ${interpreters[@]+"${interpreters[@]}"}; do
		is_left_out "${interpreter%%|*}" && continue
		use_interpreter "$interpreter"
		"$@"
	done
}

# for_each_build FUNCTION [ARG...]: the same, and the special ones too.
for_each_build() {
	local interpreter
	for_each_interpreter "$@"
	for interpreter in ${interpreters[@]+"${interpreters[@]}"}; do
		is_left_out "${interpreter%%|*}" || continue
		use_interpreter "$interpreter"
		"$@"
	done
}

# The same for a few that differ in how they keep frames: for tests that take their time.
for_some_interpreters() {
	local interpreter name previous=
	[ ${#interpreters[@]} -gt 0 ] || skip "$*" "no interpreter found"
	for interpreter in ${interpreters[@]+"${interpreters[@]}"}; do
		name=${interpreter%%|*}
		case $name in
		2.7 | 3.8 | 3.11 | 3.13 | 3.15) previous=$name ;;
		*[0-9]t*) ;; # without the GIL
		*) { is_special "$name" && ! is_left_out "$name"; } || continue ;;
		esac
		use_interpreter "$interpreter"
		"$@"
	done
	case ${interpreters[0]%%|*} in
	*[0-9]t*) ;; # has been there
	*)
		[ -z "$previous" ] || return 0
		use_interpreter "${interpreters[0]}"
		"$@"
		;;
	esac
}

# Sets python to any interpreter that runs outside of a chroot and is at least this version (major * 100 + minor): the newest
# that is built as most are, where there is one.
use_any_interpreter() {
	local interpreter index kind
	for kind in plain other; do
		for ((index = ${#interpreters[@]} - 1; index >= 0; index--)); do
			interpreter=${interpreters[index]}
			use_interpreter "$interpreter"
			[ "$kind" = other ] || { ! is_special "$python_name" && ! is_free_threaded; } || continue
			[ -z "$python_root" ] && [ "$python_version" -ge "${1:-0}" ] && return 0
		done
	done
	return 1
}

# A Python for the tests' own helpers: 3.9 or newer.
find_helper_python() {
	local command
	for command in python3 "${interpreters[@]#*|}"; do
		case $command in chroot*) continue ;; esac
		command=$("$command" -c 'import sys; sys.version_info >= (3, 9) and print(sys.executable)' 2>/dev/null)
		[ -z "$command" ] || break
	done
	echo "$command"
}
helper_python=$(find_helper_python)
[ -n "$helper_python" ] || skip_all "the tests' helpers need a python3 >= 3.9"

# ---- targets ----

# Nanoseconds that all threads of a process have run.
cpu_time() {
	cat "/proc/$1/task/"*/schedstat 2>/dev/null | awk '{ sum += $1 } END { printf "%.0f\n", sum } # mawk has %d of 32 bits only'
}

# runs_since NANOSECONDS: the target has run for longer than that; what cpu_time has said of it before. runs_on waits for it.
runs_since() {
	[ "$(cpu_time "$target")" -gt "$1" ]
}

runs_on() {
	wait_until runs_since "$(cpu_time "$target")"
}

# No thread of the target is traced, or left stopped by one who traced it.
is_untraced() {
	local status
	for status in "/proc/$target/task/"*/status; do
		grep -q '^TracerPid:[[:space:]]*0$' "$status" && grep -q '^State:[[:space:]]*[RS]' "$status" || return 1
	done
}

has_settled() {
	[ "$(cpu_time "$1")" -gt "$2" ] || ! sed 's/.*) \([A-Z]\).*/\1/' "/proc/$1/task/"*/stat 2>/dev/null | grep -q -v S
}

# A program that has said `ready` is a moment away from where it stays. It is there when all its threads sleep, or when
# they have been busy for a while.
settle() {
	wait_until has_settled "$1" $(($(cpu_time "$1") + 50000000))
}

# start COMMAND [ARG...]: runs a program that prints `ready`, and waits for that. Sets target (its pid), target_in and
# target_out (descriptors of its standard input and output). False when it ends or says something else.
start() {
	local line=
	rm -f "$scratch/in" "$scratch/out"
	mkfifo "$scratch/in" "$scratch/out"
	"$@" <"$scratch/in" >"$scratch/out" 2>"$scratch/target.err" &
	target=$!
	children+=("$target")
	exec {target_in}>"$scratch/in" {target_out}<"$scratch/out"
	read -t $deadline_s -r line <&"$target_out"
	if [ "$line" = ready ]; then
		settle "$target"
		return 0
	fi
	not_ok "$*: is ready"
	{
		echo "it said: $line"
		cat "$scratch/target.err"
	} | diag
	return 1
}

# start_program PROGRAM [ARG...]: a program of tests/targets with the current interpreter.
start_program() {
	local program=$1
	shift
	start "${python[@]}" "$programs/$program" "$@"
}

# start_family OPTIONS PROGRAM [ARG...]: the same; if pyrope's options say -f, in two processes, one of which is the other's child, whose
# parent target is then (family.py).
start_family() {
	case " $1 " in
	*" -f "*) start_program family.py "$programs/$2" "${@:3}" ;;
	*) start_program "${@:2}" ;;
	esac
}

# Sets family: the processes of start_family but for the one that speaks for them.
find_family() {
	local pid children_of_one
	read -r -a family <"/proc/$target/task/$target/children"
	for pid in "${family[@]}"; do
		read -r -a children_of_one <"/proc/$pid/task/$pid/children"
		family+=(${children_of_one[@]+"${children_of_one[@]}"})
	done
}

# The next line that the target prints, within the deadline.
target_says() {
	local line
	read -t $deadline_s -r line <&"$target_out"
	echo "$line"
}

stop() {
	reap "$target"
	exec {target_in}>&- {target_out}<&-
}

# The line of a target program that bears the marker "# here: NAME".
line_of() {
	grep -n "# here: $2\$" "$targets/$1" | cut -d: -f1
}

# build_c NAME SOURCE [LIBRARY...]: makes the shared object $scratch/NAME.so. False: no compiler.
build_c() {
	local cc=${CC:-cc} name=$1
	shift
	if ! command -v "${cc%% *}" >/dev/null; then
		skip "everything" "no C compiler ($cc)"
		return 1
	fi
	# shellcheck disable=SC2086 # $cc may have options
	check "$name.c is built" $cc -shared -fPIC -O1 -o "$scratch/$name.so" "$@"
}

# can_preload WHAT: does pyrope load a library that stands between it and the kernel? Else WHAT is skipped.
can_preload() {
	LC_ALL=C readelf -lW "$pyrope" 2>/dev/null | grep -q ' INTERP ' && return
	skip "$1" "a library is preloaded into pyrope, and this one is static"
	return 1
}

# build_helper: the same of notice_calls.c, for lend_helper to put beside the programs.
build_helper() {
	build_c notice_calls "$targets/notice_calls.c"
}

lend_helper() {
	[ -e "$python_root$programs/notice_calls.so" ] || cp "$scratch/notice_calls.so" "$python_root$programs"
}

# ---- pyrope ----

# run COMMAND [ARG...]: its output goes to $scratch/stdout and $scratch/stderr, its exit code to status. One that hangs is
# ended, with status 137. When pyrope says that it had no CPU before the time was over (runs here last for some tenths of a second), then
# once more.
run() {
	local try
	for ((try = 1; try <= 20; try++)); do
		timeout --foreground -s KILL $((deadline_s * 2)) "$@" >"$scratch/stdout" 2>"$scratch/stderr"
		status=$?
		grep -q 'no samples: the time was over before the first one was due' "$scratch/stderr" || break
	done
}

run_pyrope() {
	run "$pyrope" "$@"
}

# summary_of NAME: a number of the last run's --summary=json.
summary_of() {
	sed -n "s/.*\"$1\":\([0-9]*\)[,}].*/\1/p" "$scratch/stderr"
}

# run_until CONDITION PYROPE-ARG...: runs pyrope, until the condition (a command in one word, or several with eval's quoting) holds of what
# it has printed. For what has to be seen at all: in the tenths of a second that a run takes a busy machine may have no CPU for anybody.
run_until() {
	wait_until run_once "$@" || return 1
}

run_once() {
	run_pyrope "${@:2}"
	eval "$1" >/dev/null
}

# A shell's background processes ignore SIGINT and SIGQUIT; this makes one that does not.
with_default_signals='
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
'

# start_pyrope ARG...: in the background, until it has looked at the target a few dozen times. Sets pyrope_pid.
start_pyrope() {
	: >"$scratch/stdout"
	"$helper_python" -c "$with_default_signals" "$pyrope" "$@" >"$scratch/stdout" 2>"$scratch/stderr" &
	pyrope_pid=$!
	children+=("$pyrope_pid")
	wait_until has_ticked "$pyrope_pid"
}

# A sampler sleeps between its ticks, and at its start, on a busy machine, also for the threads that it waits for: a test that needs
# samples of whatever came first sets switches_awaited. True also when it has ended.
has_ticked() {
	[ "$(switches_of_sampler "$1")" -ge "${switches_awaited:-40}" ] || is_gone "$1"
}

switches_of_sampler() {
	cat "/proc/$1/task/"*/status 2>/dev/null |
		awk '/^Name:/ { name = $2 } /^voluntary_ctxt_switches/ && name == "pyrope-sampler" { sum += $2 }
			END { print sum + 0 }'
}

# ticks_pass PID: the profiler looks at its target a few dozen times more.
ticks_pass() {
	local switches_awaited
	switches_awaited=$(($(switches_of_sampler "$1") + 40))
	wait_until has_ticked "$1"
}

# wait_for PID: sets status; a process that does not end within the deadline is ended, with status 137.
wait_for() {
	wait_until is_gone "$1" || kill -KILL "$1"
	wait "$1"
	status=$?
}

# ---- what the output must look like ----

# is_collapsed FILE: there are lines, and each is frames and a count above 0.
is_collapsed() {
	[ -s "$1" ] || {
		echo "no lines in $1"
		cat "$scratch/stderr"
		return 1
	}
	! LC_ALL=C grep -n -v -E '^[^;]+(;[^;]+)* [1-9][0-9]*$' "$1"
}

# only_stack FILE STACK: is_collapsed, and this is the only stack in it. On a machine that is busy pyrope may not get hold of
# the thread in time; then it has to say so with a marker behind what it knows, and never show another stack. Without a GIL nobody
# holds it while it waits for a CPU.
only_stack() {
	is_collapsed "$1" || return 1
	awk -v stack="$2" -v waits="$(is_free_threaded && echo "(waiting for a CPU)")" '
		{ count = $NF; all += count; sub(/ [0-9]+$/, "") }
		$0 == stack || $0 == stack ";(unverified)" { whole += count; next }
		$0 == waits { next }
		{
			known = $0
			if (sub(/;?\((partial|unverified|failed)\)$/, "", known) && index(stack ";", known ";") == 1 || known == "") next
			bad = 1
			print "unexpected: " $0
		}
		END {
			if (!all) { bad = 1; print "of " all " samples only " whole + 0 " are whole" }
			if (bad) print "expected:   " stack
			exit bad
		}' "$1"
}

# sees_once STACK ARG...: pyrope with these arguments prints this stack and nothing else; on a busy machine perhaps not at
# once.
sees_once() {
	wait_until prints_once "$@" || cat "$scratch/stdout" "$scratch/stderr"
	[ "$(cat "$scratch/stdout")" = "$1 1" ]
}

prints_once() {
	run_pyrope "${@:2}"
	[ "$(cat "$scratch/stdout")" = "$1 1" ]
}

# mostly_stack FILE STACK PERCENT: is_collapsed, and at least this part of the samples is this stack.
mostly_stack() {
	is_collapsed "$1" || return 1
	awk -v stack="$2" -v percent="$3" -v waits="$(is_free_threaded && echo "(waiting for a CPU)")" '
		{ print; count = $NF; sub(/ [0-9]+$/, "") }
		$0 == waits { next }
		{ all += count }
		$0 == stack || $0 == stack ";(unverified)" { sum += count }
		END { print "of " all " samples " sum " are: " stack; exit sum * 100 < all * percent }' "$1"
}

count_samples() {
	awk '{ sum += $NF } END { print sum + 0 }' "$1"
}

# samples_between FILE LEAST MOST
samples_between() {
	local count
	count=$(count_samples "$1")
	echo "$count samples, expected $2 to $3"
	[ "$count" -ge "$2" ] && [ "$count" -le "$3" ]
}

is_empty() {
	[ -e "$1" ] || return 1
	cat "$1"
	! [ -s "$1" ]
}

# status_is CODE
status_is() {
	echo "exit code $status, expected $1"
	head -c 2000 "$scratch/stderr"
	[ "$status" = "$1" ]
}

# follow PROGRAM [PYROPE-OPTION...]: pyrope sees what the program itself reports by sys._getframe, at every place it stops.
follow() {
	local program=$1
	shift
	check "$python_name: what pyrope sees is what $program reports" \
		"$helper_python" "$e2e/follow.py" "$pyrope" "$@" -- "${python[@]}" "$programs/$program"
}

# The stack of chain.py, whose leaf is at one line all the time.
chain_stack() {
	local function stack=
	for function in '<module>' first second leaf; do
		stack="$stack;$programs/chain.py:$function:$(line_of chain.py "${function//[<>]/}")"
	done
	echo "${stack#;}"
}
