# SPDX-License-Identifier: MIT
"""Reads collapsed stacks of tests/targets/impossible.py and counts those that cannot have existed.

usage: check_stacks.py DIRECTORY-OF-THE-TARGET < stacks

Prints `samples N impossible N uncertain N` and up to ten of the impossible ones; exit code 1 when there is one. Uncertain
are those that say so themselves: what is before a (partial) has to be possible too, what is before an (unverified) has not.
"""
import os
import re
import sys

FRESH = 'impossible_fresh.py'
OURS = ('impossible.py', 'impossible_async.py', FRESH)
MARKERS = ('(partial)', '(failed)', '(unverified)', '(idle)', '(starting)', '(ending)', '(outside of Python)',
           '(sleeping)', '(waiting for the GIL)', '(waiting for a CPU)', '(running without the GIL)')
GREENLETS = ('greenlet_a', 'greenlet_b', 'greenlet_c')
FRAME = re.compile(r'(?P<file>.*):(?P<function>.*):(?P<line>\d+)\Z')


class Source:
    def __init__(self, directory):
        self.lines = {name: open(os.path.join(directory, name), encoding='utf-8').read().split('\n') for name in OURS}

    def text(self, file, line):
        return self.lines[file][line - 1]

    def owner(self, file, line):
        """The function that the line belongs to, by indentation alone."""
        lines = self.lines[file]
        indent = len(lines[line - 1]) - len(lines[line - 1].lstrip())
        for number in range(line, 0, -1):
            match = re.match(r'( *)(?:async )?def (\w+)', lines[number - 1])
            if match and (number == line or len(match.group(1)) < indent):
                return match.group(2)  # the line of a def is the enclosing code's, too: it makes the function
            text = lines[number - 1]
            if text.strip() and not text.startswith(' ') and number != line and not match:
                return '<module>'
        return '<module>'


def callees(text):
    """What the line calls: a set of names, or '^' for `whatever my caller names`."""
    if '#>^' in text:
        return '^'
    return set(text.split('#>')[1].split()) if '#>' in text else set()


def check_made(frames):
    """Frames of one <made N>: line and function have to agree with N."""
    numbers = {re.match(r'<made (\d+)>', file).group(1) for file, _, _ in frames}
    if len(numbers) != 1:
        return 'frames of several made modules in one stack'
    n = int(numbers.pop())
    right = {'<module>': {1, n + 1, n + 3, n + 5}, 'made_%d' % n: {n + 1, n + 2}, 'inner_%d' % n: {n + 3, n + 4}}
    order = ['<module>', 'made_%d' % n, 'inner_%d' % n]
    for depth, (file, function, line) in enumerate(frames):
        if depth >= 3 or function != order[depth] or (line not in right[function] and line != 0):
            return 'made module %d has no %s at line %d there' % (n, function, line)
    return None


def parse(stack):
    frames = []
    fresh = set()
    for text in stack.split(';'):
        match = FRAME.match(text)
        if not match:
            return None, 'not a frame: %r' % text
        function = match.group('function').split('.')[-1]
        file = os.path.basename(match.group('file'))
        if file.startswith('<fresh'):
            fresh.add(file)
            file = FRESH
        frames.append((file, function, int(match.group('line'))))
    return frames, 'frames of several fresh modules in one stack' if len(fresh) > 1 else None


def check(source, stack):
    frames, wrong = parse(stack)
    if wrong:
        return wrong
    if not frames:
        return None
    if not (frames[0][1] == '<module>' or frames[0][1] in GREENLETS or frames[0][0] in ('threading.py', 'runpy.py') or
            frames[0][0].startswith('<frozen')):
        return 'does not begin at the outermost frame'
    made = [f for f in frames if f[0].startswith('<made')]
    ours = [f for f in frames if f[0] in OURS]
    if made:
        wrong = check_made(made)
        if wrong or ours[-1][1] != 'made':
            return wrong or 'not called by made()'
    for depth, (file, function, line) in enumerate(ours):
        makes = function == '<module>' and line and source.text(file, line).startswith('def ')
        if line and not makes and source.owner(file, line) != function:  # 0: code that the compiler made up has no line
            return '%s has no line %d' % (function, line)
        if line and '#!' in source.text(file, line):
            return 'line %d of %s never runs' % (line, function)
        if not depth or not ours[depth - 1][2]:
            continue
        if function in GREENLETS:
            return '%s is called by nobody' % function
        names = callees(source.text(ours[depth - 1][0], ours[depth - 1][2]))
        if names == '^':
            names = callees(source.text(ours[depth - 2][0], ours[depth - 2][2])) if depth > 1 else set()
        if function not in names:
            return '%s is not called at line %d of %s' % (function, ours[depth - 1][2], ours[depth - 1][1])
    return None


def main():
    source = Source(sys.argv[1])
    samples = impossible = uncertain = 0
    shown = []
    for line in sys.stdin:
        stack, _, count = line.rstrip('\n').rpartition(' ')
        count = int(count)
        frames = stack.split(';')
        samples += count
        if frames[-1] in MARKERS:
            uncertain += count
            if frames.pop() == '(unverified)':
                continue
        wrong = check(source, ';'.join(frames)) if frames else None
        if wrong:
            impossible += count
            shown.append('%s: %s %d' % (wrong, stack, count))
    print('samples %d impossible %d uncertain %d' % (samples, impossible, uncertain))
    for text in shown[:10]:
        print(text)
    return 1 if impossible else 0


if __name__ == '__main__':
    sys.exit(main())
