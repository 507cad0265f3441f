# SPDX-License-Identifier: MIT
"""Compares merged stacks with what the program that they were taken from can have done.

usage: check.py RULE [ARG...] < collapsed stacks
       check.py --self-test

Prints `samples N right N whole N wrong N truncated N partial N jumping N` and up to ten of the wrong and truncated ones. A
right stack is the beginning of one of the rule's paths (rules.py), frame by frame, Python's and native ones; a whole one
is all of it. In a truncated one, which says so, the Python frames alone have to be, and in a partial one, and while the
stack is exchanged. The exit code is 1 when one is wrong or there are none at all.
"""
import collections
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rules  # pylint: disable=wrong-import-position

PYTHON = re.compile(r'(?P<file>[^;]*\.py|<[^>]*>):(?P<function>.*):\d+\Z')
NATIVE = re.compile(r'(?P<module>[^:]+):(?P<function>.+?)(?::(?P<line>\d+))?\Z')
OURS = re.compile(r'nat\w*(\.cpython\S*)?\.so\Z')
OTHERS = ('std::', 'core::', 'alloc::', '__Pyx_', 'Py', '_Py')  # of others, compiled into our modules
UNCERTAIN = ('(partial)', '(unverified)', '(failed)')
# Moments in which the stack is being exchanged, so that it is neither the old one nor the new one: the unwinder of C++
# writes the registers of the catching function over its own; greenlet relinks frames, and copies parts of stacks over each other.
JUMPING = re.compile(r'[^:;]*\.so[^:;]*:nat::[^;]*;libgcc_s[^:;]*:_Unwind_(RaiseException|Resume)\b|'
                     r':greenlet::Greenlet::expose_frames|'
                     r':(slp_switch|slp_(save|restore)_state_trampoline)\b')
SHOWN = 10


def strip_parameters(name):
    """nat::Level<1, nat::A>::inner(_object*) [clone .isra.0] is nat::Level<1,nat::A>::inner."""
    if name.endswith('@plt'):  # the linker's stub of a function
        return strip_parameters(name[:-4]) + '@plt'
    name = re.sub(r'( \[clone [^]]*\]|\.(isra|part|constprop|cold|lto_priv)(\.\d+)?)+\Z', '', name)
    name = re.sub(r'\A[a-z]\w* (?=\w+::)', '', name)  # the type that a template function returns
    name = re.sub(r'::h[0-9a-f]{16}\Z', '', name)
    if name.endswith(')'):
        depth = 0
        for place in range(len(name) - 1, -1, -1):
            depth += (name[place] == ')') - (name[place] == '(')
            if depth == 0:
                name = name[:place]
                break
    name = re.sub(r'(?<=\w)<\d+>\Z', '', name)
    return name.replace(' ', '')


def plain(token):
    """A token that may be missing ends in ?; nat:? is one without a name."""
    return token[:-1] if token.endswith('?') and token != 'nat:?' else token


class Checker:
    def __init__(self, rule):
        self.paths = [[plain(token) for token in path] for path in rule.paths]
        self.optional = [{i for i, token in enumerate(path) if token != plain(token)} for path in rule.paths]
        self.main_paths = len(self.paths)
        self.asides = []
        for pattern, path in rule.asides:
            self.asides.append((re.compile(pattern + r'\Z' if not pattern.endswith(')') else pattern), len(self.paths)))
            self.paths.append(path)
            self.optional.append(set())
        self.foreign = re.compile(rule.foreign)
        self.lines = rule.lines
        self.nameless = any('nat:?' in path for path in rule.paths)
        self.known = {}

    def token(self, frame):
        """None: a frame that says nothing. False: one that must not be there."""
        if frame not in self.known:
            self.known[frame] = self._token(frame)
        return self.known[frame]

    def _token(self, frame):
        match = PYTHON.match(frame)
        if match:
            ours = os.path.basename(match.group('file')).startswith('native_')
            return ('py:' if ours else 'lib:') + match.group('function').split('.')[-1]
        if frame.startswith('(syscall '):
            return None
        if frame.startswith('[jit]:'):
            return None if frame.startswith('[jit]:0x') else 'jit:' + frame[6:]  # libffi's closures have no name
        match = NATIVE.match(frame)
        if match and OURS.match(match.group('module')):
            name = strip_parameters(match.group('function'))
            if self.nameless:
                return 'nat:?'
            if name.endswith('@plt') or name.startswith(OTHERS):
                return None
            line = self.lines.get('nat:' + name)
            return 'nat:' + name if not match.group('line') or line in (None, int(match.group('line'))) else False
        return None if match and self.foreign.match(match.group('module')) else False

    def begin(self):
        return {(path, 0) for path in range(self.main_paths)}

    def step(self, states, token, previous):
        """Where one may be after the token. A place in an aside forgets where it was called: it is always the innermost."""
        after = set()
        candidates = set(states)
        if previous is not None:
            candidates |= {(path, 0) for pattern, path in self.asides if pattern.match(previous)}
        for path, place in candidates:
            while place < len(self.paths[path]):
                if self.paths[path][place] == token:
                    after.add((path, place + 1))
                if place not in self.optional[path]:
                    break
                place += 1
        return after

    def follow(self, tokens):
        """The number of tokens that can be followed, and whether they are all of a path."""
        states, previous = self.begin(), None
        for count, token in enumerate(tokens):
            states = self.step(states, token, previous)
            if not states:
                return count, False
            previous = token
        return len(tokens), any(place == len(self.paths[path]) for path, place in states)

    def only_python(self):
        """The same without native frames."""
        asides = [(pattern, self.paths[path]) for pattern, path in self.asides]
        result = Checker.__new__(Checker)
        result.known, result.foreign, result.main_paths = self.known, self.foreign, self.main_paths
        result.nameless, result.lines = self.nameless, self.lines
        result.paths = [[t for t in path if not t.startswith('nat:')] for path in self.paths]
        result.optional = [{i for i, t in enumerate(path) if t == 'py:main'} if optional else set()
                           for path, optional in zip(result.paths, self.optional)]
        result.asides = [(pattern, place) for (pattern, _), (_, place) in zip(asides, self.asides)]
        return result

    def check(self, stack):
        """(verdict, why): right, whole, wrong, truncated, partial, jumping, waiting (for a CPU: without a GIL nothing is known then)."""
        frames = stack.split(';')
        verdict = None
        if frames[-1] in UNCERTAIN:
            verdict = 'partial'
            if frames.pop() == '(unverified)':
                return verdict, None
        checker, why = self, None
        if JUMPING.search(stack):
            verdict = 'jumping'
        if frames[-1:] == ['(native truncated)']:  # nothing native at all
            verdict = 'partial'
            frames.pop()
        if '(native truncated)' in frames and not verdict:
            verdict, why = 'truncated', 'truncated'
        frames = [frame for frame in frames if frame != '(native truncated)']
        if verdict:  # what is partial has Python frames only, where there was no pause
            checker = self.only_python()
        if frames == ['(waiting for a CPU)']:
            return verdict or 'waiting', None
        if frames in (['(idle)'], ['(outside of Python)'], ['(starting)'], ['(ending)'], ['(sleeping)'], ['(waiting for the GIL)'], []):
            return verdict or 'right', None
        tokens = []
        for frame in frames:
            token = self.token(frame)
            if token is False:
                return 'wrong', 'nobody calls %s' % frame
            if token is not None and not (verdict and token.startswith('nat:')):
                tokens.append(token)
        count, whole = checker.follow(tokens)
        # without names, a stub of the linker at the leaf looks like a function
        if self.nameless and count == len(tokens) - 1 and tokens[-1] == 'nat:?':
            return verdict or 'right', why
        if count < len(tokens):
            return 'wrong', 'behind %s comes no %s' % (tokens[count - 1] if count else 'the start', tokens[count])
        return verdict or ('whole' if whole else 'right'), why


def short(stack):
    """Names alone, and of the interpreter's start nothing."""
    frames = []
    for frame in stack.split(';'):
        match = PYTHON.match(frame) or NATIVE.match(frame)
        name = match.group('function') if match else frame
        if match and 'module' in match.groupdict():
            name = '%s:%s' % (match.group('module').split('.')[0], name)
        frames.append(name)
    text = ';'.join(frames[frames.index('<module>'):] if '<module>' in frames else frames)
    return text if len(text) < 1500 else text[:500] + ' ... ' + text[-1000:]


def check_all(checker, lines):
    counts, shown = collections.Counter(), []
    for line in lines:
        stack, _, count = line.rstrip('\n').rpartition(' ')
        verdict, why = checker.check(stack)
        counts['samples'] += int(count)
        counts[verdict] += int(count)
        if verdict == 'whole':
            counts['right'] += int(count)
        if why:
            shown.append((int(count), why, stack))
    names = ('samples', 'right', 'whole', 'wrong', 'truncated', 'partial', 'jumping')
    print(' '.join('%s %d' % (name, counts[name]) for name in names))
    for count, why, stack in sorted(shown, reverse=True)[:SHOWN]:
        print('%d times: %s: %s' % (count, why, short(stack)))
    return counts


# ---- the checker's own test: every stack with a fault in it has to be found ----
LINES = rules.lines_of_c()


def as_frame(token):
    kind, _, name = token.partition(':')
    if kind == 'py':
        return '/tmp/native_calls.py:%s:7' % name
    return 'nat_x.so:%s:%d' % (name, LINES.get(token, 9)) if len(name) % 2 else 'nat.cpython-311.so:%s' % name


def mutations(path):
    """Stacks that are no beginning of the path: one frame lost, doubled, moved or foreign."""
    for place in range(1, len(path) - 1):
        yield path[:place] + path[place + 1:]
        yield path[:place] + [path[place]] + path[place:]
        yield path[:place] + [path[place + 1], path[place]] + path[place + 2:]
        yield path[:place] + [path[place].replace('a', 'b').replace('x', 'p') + '_'] + path[place + 1:]


def self_test():
    tested = 0
    for language, leaf, extra in (('c', 'spin', ''), ('cpp', 'python', 'signals'), ('rust', 'none', 'trace'),
                                  ('c', 'sleep', 'threads')):
        rule = rules.find('calls', language, leaf, 'all', extra)
        checker = Checker(rule)
        everything = {tuple(plain(token) for token in path)[:count] for path in rule.paths for count in range(len(path) + 1)}
        for path in rule.paths:
            path = [plain(token) for token in path]
            spaced = ['python3.11:sorted'] + [frame for token in path for frame in (as_frame(token), 'libc.so.6:qsort')]
            assert checker.check(';'.join(spaced))[0] == 'whole', path
            assert checker.check(';'.join(spaced[:7]))[0] in ('right', 'whole'), path
            assert checker.check(';'.join(spaced) + ';(partial)')[0] == 'partial', path
            assert checker.check(';'.join(spaced[:-3] + ['libother.so:what']))[0] == 'wrong', path
            lost = [as_frame(token) for token in path if not token.startswith('nat:')]
            assert checker.check(';'.join(['(native truncated)'] + lost))[0] == 'truncated', path
            assert len(lost) < 4 or checker.check(';'.join(['(native truncated)'] + lost[:2] + lost[3:]))[0] == 'wrong', path
            for mutation in mutations(path):
                if tuple(mutation) in everything or 'py:main' not in mutation:
                    continue
                verdict = checker.check(';'.join(as_frame(token) for token in mutation))[0]
                assert verdict == 'wrong', (verdict, mutation)
                tested += 1
        handler = ['py:<module>', 'py:run', 'py:py_a1', 'py:handler', 'nat:nat_b1_p', 'nat:nat_b1_q', 'py:handled']
        verdict = checker.check(';'.join(as_frame(token) for token in handler))[0]
        assert verdict == ('whole' if extra == 'signals' else 'wrong'), verdict
    checker = Checker(rules.find('calls', 'c', 'spin', 'plain'))
    begin = ';'.join('native_calls.py:%s:7' % name for name in ('<module>', 'run', 'py_b1'))
    assert checker.check(begin + ';nat.so:nat_b1_p:%d' % LINES['nat:nat_b1_p'])[0] == 'right'
    assert checker.check(begin + ';nat.so:nat_b1_p:%d' % LINES['nat:nat_b2_p'])[0] == 'wrong'
    print('%d faults found' % tested)


def main():
    if sys.argv[1] == '--self-test':
        self_test()
        return 0
    counts = check_all(Checker(rules.find(*sys.argv[1:])), sys.stdin)
    return counts['wrong'] > 0 or counts['samples'] == 0


if __name__ == '__main__':
    sys.exit(main())
