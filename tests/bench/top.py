# SPDX-License-Identifier: MIT
"""What pyrope top costs beside a recording: CPU time of both, of the same process at the same rate, one after the other.

Arguments: the process, seconds (default 20). PYROPE is the program. Needs tmux.
"""
import os
import subprocess
import sys
import tempfile
import time

PYROPE = os.environ.get("PYROPE", "./pyrope")
TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def measure(pid, seconds):
    """Percent of a core, without how it begins."""
    time.sleep(3)
    begin, began = cpu_seconds(pid), time.time()
    time.sleep(seconds)
    return 100 * (cpu_seconds(pid) - begin) / (time.time() - began)


def record(target, seconds):
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([PYROPE, "-s", str(seconds + 60), "-o", folder + "/x.pyrope", target])
        try:
            return measure(process.pid, seconds)
        finally:
            process.terminate()
            process.wait()


def top(target, seconds):
    tmux = ["tmux", "-L", "pyrope-bench-%d" % os.getpid(), "-f", "/dev/null"]
    subprocess.check_call(tmux + ["new-session", "-d", "-x", "120", "-y", "40", "exec '%s' top %s" % (PYROPE, target)])
    try:
        pid = int(subprocess.check_output(tmux + ["display-message", "-p", "#{pane_pid}"]))
        return measure(pid, seconds)
    finally:
        subprocess.call(tmux + ["kill-server"])


def main():
    target, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 20
    recording, live = record(target, seconds), top(target, seconds)
    print("record -o x.pyrope  %5.2f %% of a core" % recording)
    print("top                 %5.2f %%, %+.2f %%" % (live, live - recording))


main()
