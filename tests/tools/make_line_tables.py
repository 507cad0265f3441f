# SPDX-License-Identifier: MIT
"""Makes tests/unit/data/line_tables.txt: line tables as real interpreters write them, and what they mean.

Run it with each interpreter in turn and put the outputs together:

    for python in python2.7 python3.6 ... python3.15; do $python tests/tools/make_line_tables.py; done

One line for each code object: version, name, co_firstlineno, number of instruction units, the table in hexadecimal,
and the line of each unit as LINE*COUNT pairs, 0 where there is none, as the interpreter itself tells it.
"""
import binascii
import dis
import sys

SOURCE = '''
def plain(a):
    b = a + 1

    return b
''' + '\n' * 300 + '''
def far(x):
    y = x
''' + '    \n' * 200 + '''
    return y

def deco(n):
    return lambda f: f

@deco(1)
@deco(
    2
)
def decorated(a=lambda: 1,
              b=(lambda
                 x: x + 1)):
    for i in range(3):
        try:
            if i:
                continue
        except ValueError as e:
            raise
        finally:
            a()
    while True:
        if b: break
    else:
        pass

def calls(f):
    return f(
        1,
        f(2,
          3),
        [x for x in
         range(3)
         if x],
        key={
            1: 2,
            3: f(4)
        }
    ) + (f(5)
         if f
         else 6)

def generator():
    with open('x') as f:
        for line in f: yield line; yield (
            2)
    assert generator, (
        'text')

class Class(object):
    x = 1
    def method(self):
        def inner():
            return self
        return inner
'''
MATCH = '''
async def coroutine(x):
    async with x as y:
        await y
    async for z in y:
        print(f"{z}"
              f"{y!r}")
    return [await z async for z in y
            if z]
'''
if sys.version_info >= (3, 6):
    SOURCE += MATCH


def unit_bytes():
    return 2 if sys.version_info >= (3, 6) else 1


def lines_of(code):
    """The line of each instruction unit."""
    count = len(code.co_code) // unit_bytes()
    lines = [0] * count
    if hasattr(code, 'co_lines'):
        for start, end, line in code.co_lines():
            for unit in range(start // 2, end // 2):
                lines[unit] = line or 0
    else:
        starts = list(dis.findlinestarts(code)) + [(len(code.co_code), 0)]
        for (start, line), (end, _) in zip(starts, starts[1:]):
            for unit in range(start // unit_bytes(), end // unit_bytes()):
                lines[unit] = line
    return lines


def runs_of(lines):
    runs = []
    for line in lines:
        if runs and runs[-1][0] == line:
            runs[-1][1] += 1
        else:
            runs.append([line, 1])
    return ','.join('%d*%d' % tuple(run) for run in runs)


def print_code(code):
    table = code.co_linetable if sys.version_info >= (3, 10) else code.co_lnotab
    lines = lines_of(code)
    print(' '.join(['%d.%d' % sys.version_info[:2], code.co_name, str(code.co_firstlineno), str(len(lines)),
                    binascii.hexlify(table).decode() or '-', runs_of(lines)]))
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            print_code(constant)


print_code(compile(SOURCE, 'source', 'exec'))
# A file of many lines: the numbers need more than 16 bits.
print_code(compile('\n' * 70000 + 'def late():\n    return 1\n', 'late', 'exec'))
