# SPDX-License-Identifier: MIT
# cython: language_level=3
"""What nat.c is, in Cython: a function that Python sees (def), and one below it that only C does (cdef)."""


cdef object inner_a1(function):
    result = function()
    return result


def a1(function):
    result = inner_a1(function)
    return result


cdef object inner_a2(function):
    result = function()
    return result


def a2(function):
    result = inner_a2(function)
    return result


cdef object inner_a3(function):
    result = function()
    return result


def a3(function):
    result = inner_a3(function)
    return result


cdef object inner_a4(function):
    result = function()
    return result


def a4(function):
    result = inner_a4(function)
    return result


cdef object inner_a5(function):
    result = function()
    return result


def a5(function):
    result = inner_a5(function)
    return result


cdef object inner_b1(function):
    result = function()
    return result


def b1(function):
    result = inner_b1(function)
    return result


cdef object inner_b2(function):
    result = function()
    return result


def b2(function):
    result = inner_b2(function)
    return result


cdef object inner_b3(function):
    result = function()
    return result


def b3(function):
    result = inner_b3(function)
    return result


cdef object inner_b4(function):
    result = function()
    return result


def b4(function):
    result = inner_b4(function)
    return result


cdef object inner_b5(function):
    result = function()
    return result


def b5(function):
    result = inner_b5(function)
    return result
