# SPDX-License-Identifier: MIT
"""What the stacks of tests/targets/native_*.py may look like.

A rule has paths: sequences of tokens from the outermost frame to the innermost one. A stack is right when its tokens are the
beginning of a path (the program may be anywhere on its way), whole when they are all of it. Asides are paths that may
follow behind a token that matches a pattern: a signal handler, a trace function. Tokens:

    py:NAME    a Python function of the targets, without what it is qualified by
    lib:NAME   a Python function of another file
    nat:NAME   a function of the modules that tests/native builds, without parameters

Frames of the interpreter, of libffi, of the C library and of other modules that stand in `foreign` are no tokens: they
may be anywhere. A native frame that is none of these is wrong. `lines` are those of native functions, where one is shown: all of
a function's code that a macro makes is on the line of the macro.
"""
import collections
import itertools
import os
import re

Rule = collections.namedtuple('Rule', 'paths asides foreign lines')

FOREIGN = (r'(lib)?python\d|\[vdso\]|ld-|libc[.-]|libm[.-]|libpthread|libgcc_s|libstdc\+\+|memfd|libffi|'
           r'_ctypes|_functools|itertools|'
           r'_?greenlet|_cffi_backend|_sre|time\.|_heapq|run_stub\.so')

LANGUAGES = {
    'c': {'a': ['nat_a%d_x', 'nat_a%d_y', 'nat_a%d_z'], 'b': ['nat_b%d_p', 'nat_b%d_q']},
    'cpp': {'a': ['nat::Level<%d,nat::A>::enter', 'nat::Level<%d,nat::A>::inner'],
            'b': ['nat::Level<%d,nat::B>::enter', 'nat::Level<%d,nat::B>::inner']},
    'rust': {'a': ['rust_a%d', 'nat_rust::a%d::middle', 'nat_rust::a%d::inner'],
             'b': ['rust_b%d', 'nat_rust::b%d::middle', 'nat_rust::b%d::inner']},
    'cython': {'a': ['nat_cython.a%d', 'nat_cython.inner_a%d'], 'b': ['nat_cython.b%d', 'nat_cython.inner_b%d']},
}

BACK = ['nat:nat_back_x', 'nat:nat_back_y']
WAYS = {
    'plain': None,
    'sorted': [],
    'reduce': [],
    'map': [],
    'resub': ['py:replace'],
    'getattr': ['py:__getattr__'],
    'metaclass': ['py:__call__'],
    'descriptor': ['py:__get__'],
    'listgen': ['py:generator'],
    'sumgen': ['py:<genexpr>'],
    'coroutine': ['py:coroutine', 'py:inner', 'py:__await__'],
    'ctypes': BACK,
    'qsort': [],
    'cffi': BACK,
}
# What else a way calls before or after the next level; behind which token.
WAY_ASIDES = [
    ('py:via_getattr', ['py:__init__']),
    ('py:via_descriptor', ['py:__init__']),
    ('py:inner', ['py:__init__']),
    ('py:via_(ctypes|qsort)', ['py:as_pointer']),
    ('nat:nat::Level<.*::inner', ['nat:nat::throw_something'] * 3),
]

LEAVES = {
    'spin': ['nat:nat_spin_%s', 'nat:nat_spin_%s_inner'],
    'sleep': ['nat:nat_sleep_%s', 'nat:nat_sleep_%s_inner'],
    'python': ['py:python_%s'],
    'none': ['py:nothing_%s'],
}


def level(language, chain, number):
    inside = ['py:in_a%d' % number] if chain == 'a' else []
    return ['py:py_%s%d' % (chain, number)] + inside + ['nat:' + name % number for name in LANGUAGES[language][chain]]


def chain_path(language, leaf, chain, way):
    """From the first level to the leaf."""
    path = level(language, chain, 1)
    for number in range(2, 6):
        if WAYS[way] is not None:
            path += ['py:via_' + way] + WAYS[way]
        path += level(language, chain, number)
    return path + [name.replace('%s', chain) for name in LEAVES[leaf]]


def greenlet_paths(language, leaf, chain):
    """Each level runs in a greenlet of its own, whose Python stack begins there; the C stack goes on below."""
    natives, paths = [], []
    for number in range(1, 6):
        own = level(language, chain, number)
        begin = ['py:<module>', 'py:main?', 'py:run'] if number == 1 else natives
        rest = ['py:via_greenlet'] if number < 5 else [name.replace('%s', chain) for name in LEAVES[leaf]]
        paths.append(begin + own + rest)
        natives = natives + [token for token in own if token.startswith('nat:')]
    return paths


def calls(language, leaf, kinds, extra=''):
    ways = list(WAYS) if kinds == 'all' else kinds.split(',')
    # `run` is called from the module for the first rounds
    begins = {chain: [['py:<module>', 'py:main?', 'py:run']] for chain in 'ab'}
    paths = []
    asides = list(WAY_ASIDES)
    if extra == 'threads':
        begins = {chain: [['py:work_' + chain, 'py:run']] for chain in 'ab'}
        paths.append(['py:<module>', 'py:main'])
    for way, chain in itertools.product(ways, 'ab'):
        if way == 'greenlet':
            paths += greenlet_paths(language, leaf, chain)
        else:
            paths += [begin + chain_path(language, leaf, chain, way) for begin in begins[chain]]
    if extra == 'signals':
        asides.append(('py:.*', ['py:handler', 'nat:nat_b1_p', 'nat:nat_b1_q', 'py:handled']))
    if extra == 'trace':
        asides.append(('py:(?!trace)', ['py:tracer', 'nat:nat_b2_p', 'nat:nat_b2_q', 'py:traced']))
    return Rule(paths, asides, FOREIGN, lines_of_c())


def calls_made(*arguments):
    """Where a JIT makes code all the time: what it has made in this moment is in no list yet."""
    rule = calls(*arguments)
    return rule._replace(foreign=rule.foreign + r'|\[unknown\]')


def calls_lenient(*arguments):
    """Native frames may be missing, as in code without unwind tables; those that are there are in their places."""
    rule = calls(*arguments)
    return rule._replace(paths=[[token + '?' if token.startswith('nat:') else token for token in path] for path in rule.paths])


def calls_nameless(*arguments):
    """Native frames are all there, but nothing is left of their names."""
    rule = calls(*arguments)
    return rule._replace(paths=[['nat:?' if token.startswith('nat:') else token for token in path] for path in rule.paths],
                         asides=[(behind, ['nat:?' if token.startswith('nat:') else token for token in path])
                                 for behind, path in rule.asides])


ODD = {
    'cold': [['nat:odd_cold', 'nat:odd_rarely', 'nat:odd_spin']],
    'plt': [['nat:odd_plt', 'nat:odd_tiny']],
    'jit': [['nat:odd_jit', 'jit:odd_compiled']],
    # the Python frames belong to the other stack; where they stand in relation to these is not known
    'context': [['nat:odd_context'], ['nat:odd_on_heap', 'nat:odd_spin']],
    'garbage': [['nat:odd_garbage']],
}


def odd(kind):
    if kind == 'pool':
        paths = [['py:<module>', 'py:use_library', 'py:pool'], ['nat:odd_worker', 'nat:odd_work', 'nat:odd_spin']]
        return Rule(paths, [], FOREIGN, {})
    begin = ['py:<module>', 'py:use_library', 'py:' + kind]
    return Rule([begin + path for path in ODD[kind]], [], FOREIGN, {})


def numpy():
    foreign = FOREIGN + r'|_multiarray_umath|_umath_linalg|libscipy_openblas|libopenblas|libgfortran|libquadmath|_simd'
    begin = ['py:<module>', 'py:use_numpy']
    return Rule([begin + ['py:numpy_sort', 'lib:sort'], begin + ['py:numpy_sort', 'lib:_sort_dispatcher'],
                 begin + ['py:numpy_product'], begin + ['py:numpy_call', 'py:numpy_called']], [], foreign, {})


def numba():
    foreign = FOREIGN + r'|_dispatcher|_internal|_helperlib|_multiarray_umath'
    begin = ['py:<module>', 'py:use_numba']
    return Rule([begin + ['py:numba_loop'], begin + ['py:numba_vector', 'lib:__call__']], [], foreign, {})


def lines_of_c():
    """{token: line} for what the macros of nat.c make."""
    made = {'LEVEL_A': ['nat_a%s_x', 'nat_a%s_y', 'nat_a%s_z'], 'LEVEL_B': ['nat_b%s_p', 'nat_b%s_q'],
            'LEAF': ['nat_spin_%s', 'nat_spin_%s_inner', 'nat_sleep_%s', 'nat_sleep_%s_inner']}
    result = {}
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'nat.c'), encoding='ascii') as file:
        for number, line in enumerate(file, 1):
            match = re.match(r'(\w+)\((\w)\)$', line)
            if match:
                result.update({'nat:' + name % match.group(2): number for name in made[match.group(1)]})
    return result


RULES = {'calls': calls, 'calls_lenient': calls_lenient, 'calls_made': calls_made, 'calls_nameless': calls_nameless, 'odd': odd, 'numpy': numpy,
         'numba': numba}


def find(name, *arguments):
    return RULES[name](*arguments)
