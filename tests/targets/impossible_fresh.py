# SPDX-License-Identifier: MIT
"""The part of impossible.py that is compiled anew all the time, so that each stop shows something that was never seen."""


def left():
    left_leaf()  #> left_leaf
    return left_leaf()  #> left_leaf


def left_leaf():
    return 1


def right():
    return right_twig()  #> right_twig


def right_twig():
    right_leaf()  #> right_leaf
    return 2


def right_leaf():
    return 2


def pull():
    return sum(steps())  #> steps


def steps():
    yield step()  #> step
    yield step()  #> step


def step():
    return 3


def fresh_main():
    left()  #> left
    right()  #> right
    left()  #> left
    pull()  #> pull
    right()  #> right


for _ in range(300):
    fresh_main()  #> fresh_main
