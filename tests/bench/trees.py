# SPDX-License-Identifier: MIT
"""What process trees cost pyrope and themselves: idle workers, busy ones, children that come, and a bomb of them.

Usage: PYROPE=build/pyrope trees.py [PYTHON]      (default: the one that runs this)

Nothing is asserted: the numbers are for reading, and what is compared was measured in turn.
"""
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile

IDLE, IDLE_S = 64, 10
BUSY, BUSY_S = 8, 30
CHILDREN = 200
BOMB, TURNS = 5000, 3

PROGRAM = r'''
import ctypes, mmap, os, struct, sys, time
what, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
page = mmap.mmap(-1, 1 << 20)

def own():
    ctypes.CDLL(None).prctl(1, 9)

def burn(seconds):
    loops, end = 0, time.process_time() + seconds
    while time.process_time() < end:
        for _ in range(100): pass
        loops += 1
    return loops

def child(index):
    if what == "idle": time.sleep(1000)
    elif what == "busy":
        while True: burn(1)
    elif what == "first": burn(0.03)
    elif what == "bomb":
        begin = time.process_time()
        loops = burn(0.005)
        struct.pack_into("qd", page, 16 * index, loops, time.process_time() - begin)
    os._exit(0)

def start(index):
    pid = os.fork()
    if pid: return pid
    own()
    child(index)

if what in ("idle", "busy"):
    children = [start(i) for i in range(count)]
    print("ready", *children, flush=True)
    time.sleep(1000)
elif what == "first":
    for i in range(count):
        begin = time.time()
        print(start(i), begin)
        os.wait()
elif what == "bomb":
    running = 0
    for i in range(count):
        if running == 4: os.wait(); running -= 1
        start(i)
        running += 1
    while running: os.wait(); running -= 1
    loops = [struct.unpack_from("qd", page, 16 * i) for i in range(count)]
    print(sum(a for a, _ in loops) / sum(b for _, b in loops))
'''




def run_pyrope(*arguments):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([pyrope, "--summary=json"] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    summary = json.loads(done.stderr.strip().splitlines()[-1])
    summary["cpu_s"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done, summary


class Program:
    def __init__(self, what, count, seconds=0):
        self.process = subprocess.Popen([python, program, what, str(count), str(seconds)], stdout=subprocess.PIPE, text=True)
        self.children = [int(word) for word in self.process.stdout.readline().split()[1:]]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def idle():
    for option in ("--mode=active", "--threads"):
        with Program("idle", IDLE) as target:
            used = [run_pyrope("-f", option, "-r", "10ms", "-s", str(seconds), str(target.process.pid))[1]
                for seconds in (1, 1 + IDLE_S)]
            print("%d idle workers, 100 Hz, %s: %.1f %% of a core; the first second: %.0f ms" % (IDLE, option,
                100 * (used[1]["cpu_s"] - used[0]["cpu_s"]) / IDLE_S, 1000 * used[0]["cpu_s"]), flush=True)


def cpu_of(pid):
    with open("/proc/%d/schedstat" % pid) as file:
        return int(file.read().split()[0]) / 1e9


def busy():
    with Program("busy", BUSY) as target:
        profile = os.path.join(folder, "busy")
        before = [cpu_of(pid) for pid in target.children]
        run_pyrope("-f", "--mode=cpu", "--group=process", "-r", "10ms", "-s", str(BUSY_S), "-o", profile, str(target.process.pid))
        truth = [cpu_of(pid) - cpu for pid, cpu in zip(target.children, before)]
        samples = dict.fromkeys(target.children, 0)
        with open(profile) as file:
            for line in file:
                words = line.split()
                if words[0] == "process" and int(words[1]) in samples and not line.rsplit(";", 1)[-1].startswith("("):
                    samples[int(words[1])] += int(words[-1])
    seen = [count / 100 for count in samples.values()]
    # the chance of each: so many ticks, each of which finds it on a CPU or not
    worst = max(abs(a - b) / (0.1 * max(1e-9, b * (1 - b / BUSY_S)) ** 0.5) for a, b in zip(seen, truth))
    print("%d busy workers, 100 Hz: %.2f s of CPU in the profile, %.2f s in /proc: %+.1f %%; the worst of them is %.1f standard deviations away"
        % (BUSY, sum(seen), sum(truth), 100 * (sum(seen) / sum(truth) - 1), worst), flush=True)


def first():
    profile = os.path.join(folder, "first")
    done, _ = run_pyrope("-r", "1ms", "--group=process", "--format=timestamps", "-o", profile, "-t", python, program, "first", str(CHILDREN), "0")
    began = {int(pid): float(time) for pid, time in (line.split() for line in done.stdout.splitlines())}
    seen, time_s = {}, None
    with open(profile) as file:
        for line in file:
            if line.strip().isdigit():
                time_s = int(line) / 1e6
            elif line.startswith("process "):
                seen.setdefault(int(line.split()[1]), time_s)
    delays = sorted(1000 * (seen[pid] - begin) for pid, begin in began.items() if pid in seen)
    print("from fork to the first sample, 1 kHz: %.1f ms (median), %.1f ms (nine of ten); %d of %d children of 30 ms were seen"
        % (statistics.median(delays), delays[len(delays) * 9 // 10], len(delays), len(began)), flush=True)


def bomb():
    alone, watched, memory = [], [], 0
    command = [python, program, "bomb", str(BOMB), "0"]
    for _ in range(TURNS):
        alone.append(float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout))
        done = subprocess.Popen([pyrope, "-r", "10ms", "-o", os.path.join(folder, "bomb"), "-t"] + command, stdout=subprocess.PIPE, text=True)
        peak = 0
        while done.poll() is None:
            try:
                with open("/proc/%d/status" % done.pid) as file:
                    peak = max([peak] + [int(line.split()[1]) for line in file if line.startswith("VmHWM")])
            except OSError:
                pass
            try:
                done.wait(0.05)
            except subprocess.TimeoutExpired:
                pass
        watched.append(float(done.stdout.read()))
        memory = max(memory, peak)
    alone.append(float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout))
    pairs = [b / ((a + c) / 2) for a, b, c in zip(alone, watched, alone[1:])]
    print("a bomb of %d children of 5 ms, 100 Hz: they run at %.3f of their speed (%s), pyrope has %.1f MB at most"
        % (BOMB, statistics.median(pairs), ", ".join("%.3f" % pair for pair in pairs), memory / 1024), flush=True)


if __name__ == "__main__":
    pyrope = os.environ.get("PYROPE", "./pyrope")
    python = sys.argv[1] if len(sys.argv) > 1 else sys.executable
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "program.py")
        with open(program, "w") as file:
            file.write(PROGRAM)
        print("load average %.1f" % os.getloadavg()[0])
        for measure in (idle, busy, first, bomb):
            measure()
