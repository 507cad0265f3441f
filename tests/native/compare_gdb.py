# SPDX-License-Identifier: MIT
"""Compares the native frames that pyrope shows with those that gdb shows, at random instants of a program.

usage: compare_gdb.py [--throwing] [--root DIRECTORY] ROUNDS PYROPE PID
       compare_gdb.py --self-test

Each round lets the process run for a moment, stops it, and asks both. pyrope shows everything (--native=all) but the
evaluation loop, in whose place the Python frames are; so each of those, and each call of the loop in gdb's stack, becomes
EVAL. What gdb cannot name (a module without a symbol table) is compared by its module alone. Inlined functions may
be missing, but stand in their order.
"""
import argparse
import functools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from check import NATIVE, PYTHON, strip_parameters  # pylint: disable=wrong-import-position

LOOP = re.compile(r'(_?PyEval_EvalFrame(Default|Ex)|_TAIL_CALL_\w+)\Z')
UNNAMED = '?'  # a function of the interpreter without a name, perhaps the loop
NO_FILE = ('[jit]', 'memfd-libffi')  # where stubs are that were made while the program runs
DEADLINE_S = 60
# gdb has no unwind table for a stub that libffi has made, and may lose its way in one
LOST = 0.02
TRUNCATED = 0.001
# --throwing: when an exception has found its handler, the unwinder of the language writes that over its own return address. Then
# nobody can tell where it was called from; gdb shows words of the stack.
TRUNCATED_THROWING = 0.03
TRIES = 10  # a machine that is busy may not let pyrope get hold of the thread at once
# it may be stopped where it is just linking a frame, and goes no further
PARTIAL = 0.5
TRUNCATED_MARK = '(native truncated)'
SHOWN = 24  # frames of a stack that differs; it does where the thread is, not at its start


class Gdb:
    """One gdb for all rounds: reading the symbols is what takes long."""

    def __init__(self, root):
        """root: the process is in this chroot, and so is a gdb that knows its files."""
        inside = ['unshare', '--mount', 'sh', '-c', 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"', root]
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'gdb_frames.py')
        self.script = '/tmp/gdb_frames.%d.py' % os.getpid() if root else script
        self.copy = root + self.script if root else None
        if root:
            shutil.copy(script, self.copy)
        self.process = subprocess.Popen(
            (inside if root else []) +
            ['gdb', '-q', '-nx', '-iex', 'set auto-load off', '-iex', 'set debuginfod enabled off',
             '-iex', 'set sysroot', '-iex', 'set pagination off', '-iex', 'set confirm off', '-iex', 'set backtrace past-main on', '-iex', 'set python print-stack none',
             '-iex', 'set print frame-arguments none', '-iex', 'set backtrace past-entry off'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, bufsize=1)

    def stack(self, pid):
        self.process.stdin.write('attach %d\nsource %s\ndetach\necho DONE\\n\n' % (pid, self.script))
        self.process.stdin.flush()
        stack, said = None, []
        for line in self.process.stdout:
            line = re.sub(r'\A(\(gdb\) )+', '', line)
            said.append(line)
            if line.startswith('STACK '):
                stack = json.loads(line[6:])
            if line.startswith('DONE'):
                break
        if stack is None:
            raise SystemExit('gdb said:\n' + ''.join(said[-10:]))
        return stack

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        if self.copy:
            os.unlink(self.copy)


def canonical(name):
    """The C library has several names for one function, and a demangler two for the strings of C++."""
    name = re.sub(r'\)const\Z', ')', name.replace(' const', 'const')) if name.endswith('const') else name
    name = re.sub(r'std::basic_string<char, ?std::char_traits<char>, ?std::allocator<char> ?>', 'std::string', name)
    return re.sub(r'_impl\Z', '', re.sub(r'\A(__GI_)?_*(libc_|new_)?', '', strip_parameters(name)))


def of_gdb(stack):
    """(name or None, module, whether it may be missing) from the outermost frame inwards; EVAL for a call of the loop."""
    result = []
    for frame in reversed(stack):
        name = frame['name']
        if name and LOOP.match(name):
            result.append(('EVAL', '', False))
        else:
            result.append((canonical(name) if name else None, frame['module'] or '', frame['inlined']))
    # of a stripped interpreter's loop only the beginning has a name
    return [(UNNAMED,) + frame[1:] if frame[0] is None and is_interpreter(frame[1]) else frame for frame in result]


def is_interpreter(module):
    return re.match(r'(lib)?python[23]', os.path.basename(module)) is not None


def of_pyrope(frames):
    """(name, module) of what pyrope shows, EVAL for a Python frame."""
    result = []
    for frame in frames:
        match = NATIVE.match(frame)
        if PYTHON.match(frame) or match and LOOP.match(match.group('function')):
            result.append(('EVAL', ''))
        else:
            result.append((canonical(match.group('function')), match.group('module')) if match else (frame, ''))
    return result


@functools.lru_cache(maxsize=None)
def addresses(path):
    """Where each function of a module is, by its name; equal functions may have been made one (as GNU gold's --icf does)."""
    result = {}
    for option in ('-C', '-DC'):
        symbols = subprocess.run(['nm', option, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                 universal_newlines=True, check=False).stdout
        for match in re.finditer(r'^([0-9a-f]+) \w (.+)$', symbols, re.MULTILINE):
            result.setdefault(canonical(match.group(2).partition('@')[0]), set()).add(match.group(1))
    return result


def same(ours, theirs):
    module = os.path.basename(theirs[1])
    if theirs[0] == UNNAMED:
        return ours[0] == 'EVAL' or ours[1] in (module,) + NO_FILE
    if theirs[0] is None:  # no symbol: then the module has to be the right one; gdb takes code of no file for the program's
        return ours[0] != 'EVAL' and (not theirs[1] or ours[1] in (module,) + NO_FILE)
    if ours[0] == theirs[0]:
        return True
    if ours[1] != module or not os.path.isabs(theirs[1]):
        return False
    places = addresses(theirs[1])
    return bool(places.get(ours[0], set()) & places.get(theirs[0], set()))


def step(places, ours, gdb, last):
    """The places in gdb's stack behind which one may be after this frame."""
    after = set()
    for place in places:
        if ours[0] == 'EVAL' and place and gdb[place - 1][0] in ('EVAL', UNNAMED):
            after.add(place)  # several Python frames may be one call of the loop
        while place < len(gdb):
            if same(ours, gdb[place]):
                after.add(place + 1)
            if not gdb[place][2] and place not in last:
                break
            place += 1
    return after


def difference(pyrope, gdb):
    """None: the same frames in the same order. What is inlined may be missing, and nothing else."""
    places = {0}
    # a call of the loop that has no Python frame yet, or no more, is not shown
    # (it may have called a function that has no name, as the loop itself may have none)
    last = {max((place for place, frame in enumerate(gdb) if frame[0] == name), default=None) for name in ('EVAL', UNNAMED)}
    for ours in pyrope:
        after = step(places, ours, gdb, last)
        if not after:
            far = max(places)
            return 'pyrope has %s where gdb has %s' % (ours, gdb[far][:2] if far < len(gdb) else 'nothing more')
        places = after
    if not any(all(frame[2] or number in last for number, frame in enumerate(gdb[place:], place)) for place in places):
        return 'pyrope lacks %s' % (gdb[max(places)][:2],)
    return None


def look(pyrope, pid, tries=TRIES):
    """The stack of the one thread, outermost frame first."""
    result = subprocess.run([pyrope, '--native=all', '-s', '0', '--threads', '-p', str(pid)],
                            stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE_S,
                            universal_newlines=True, check=False)
    lines = result.stdout.splitlines()
    if TRUNCATED_MARK in result.stdout and tries > 1:
        return look(pyrope, pid, tries - 1)
    if result.returncode != 0 or len(lines) != 1:
        raise SystemExit('pyrope says: ' + result.stdout + result.stderr)
    return lines[0].rpartition(' ')[0].split(';')


def state(pid):
    with open('/proc/%d/stat' % pid, encoding='ascii', errors='replace') as file:
        return file.read().rpartition(')')[2].split()[0]


def wait_for_state(pid, wanted):
    end = time.monotonic() + DEADLINE_S
    while state(pid) not in wanted:
        if time.monotonic() > end:
            raise SystemExit('the process is in state %s' % state(pid))
        time.sleep(0.001)


def self_test():
    """Every frame that is lost, doubled, swapped or renamed is found."""
    frames = ['python3.9:main:5', 'python3.9:Py_RunMain', '/tmp/a.py:<module>:3', '/tmp/a.py:f:4',
              'nat.so:nat_a1_x:7', 'nat.so:nat_a1_y', 'python3.9:_PyEval_EvalFrameDefault', 'libc.so.6:qsort']
    names = ['main', 'Py_RunMain', 'PyEval_EvalFrameEx', 'nat_a1_x', 'nat_a1_y', '_PyEval_EvalFrameDefault', None]
    modules = ['/bin/python3.9'] * 3 + ['/tmp/nat.so'] * 2 + ['/bin/python3.9', '/lib/libc.so.6']
    stack = [{'name': name, 'module': module, 'inlined': False} for name, module in zip(names, modules)][::-1]
    stack.insert(2, {'name': 'inlined_one', 'module': None, 'inlined': True})
    assert difference(of_pyrope(frames), of_gdb(stack)) is None
    assert difference(of_pyrope(frames[:6] + ['nat.so:inlined_one:3'] + frames[6:]), of_gdb(stack)) is None
    for place in range(len(frames)):
        for wrong in ([], frames[place:place + 1] * 2, frames[place:place + 1] + ['nat.so:other'], ['nat.so:other']):
            changed = frames[:place] + wrong + frames[place + 1:]
            if place not in (2, 3, 6) or 'nat.so:other' in wrong:  # several Python frames may be one call of the loop
                assert difference(of_pyrope(changed), of_gdb(stack)), changed
    print('the comparison finds what differs')


def main():
    if sys.argv[1] == '--self-test':
        self_test()
        return 0
    parser = argparse.ArgumentParser()
    parser.add_argument('--throwing', action='store_true')
    parser.add_argument('--root')
    parser.add_argument('rounds', type=int)
    parser.add_argument('pyrope')
    parser.add_argument('pid', type=int)
    options = parser.parse_args()
    rounds, pyrope, pid = options.rounds, options.pyrope, options.pid
    gdb = Gdb(options.root)
    wrong = frames = truncated = partial = lost = 0
    for number in range(rounds):
        os.kill(pid, signal.SIGCONT)
        time.sleep(random.uniform(0.001, 0.02))
        os.kill(pid, signal.SIGSTOP)
        wait_for_state(pid, 'T')
        seen = look(pyrope, pid)
        stack = gdb.stack(pid)
        wait_for_state(pid, 'Tt')
        ours, theirs = of_pyrope(seen), of_gdb(stack)
        frames += len(theirs)
        if TRUNCATED_MARK in seen or '(partial)' in seen or '(failed)' in seen:
            truncated += TRUNCATED_MARK in seen
            partial += TRUNCATED_MARK not in seen
            continue
        if ours[-1][1] in NO_FILE and ours[0][0] != theirs[0][0] and len(theirs) * 2 < len(ours):
            lost += 1
            continue
        why = difference(ours, theirs)
        if why:
            wrong += 1
            if wrong <= 3:
                print('round %d: %s\n  pyrope: ...%s\n  gdb:    ...%s' % (
                    number, why, ';'.join(frame[0] for frame in ours[-SHOWN:]),
                    ';'.join(str(frame[0]) for frame in theirs[-SHOWN:])))
    os.kill(pid, signal.SIGCONT)
    gdb.close()
    print('%d stacks, %d frames, %d differ, %d truncated, %d partial, %d lost by gdb' % (
        rounds, frames, wrong, truncated, partial, lost))
    most = rounds * TRUNCATED_THROWING + 2 if options.throwing else rounds * TRUNCATED
    return wrong > 0 or truncated > most or lost > rounds * LOST + 1 or partial > rounds * PARTIAL + 1


if __name__ == '__main__':
    sys.exit(main())
