# SPDX-License-Identifier: MIT
# Threads that wait for each other: locks.py CASE. Says ready when each has come to where it waits, as far as it can tell.
import os
import sys
import threading
import time

case = sys.argv[1]
first = threading.Lock()
second = threading.Lock()
third = threading.Lock()
recursive_first = threading.RLock()
recursive_second = threading.RLock()
started = []


def start(function, *arguments):
    thread = threading.Thread(target=function, args=arguments, name=function.__name__ + str(len(started)))
    thread.daemon = True
    started.append(thread)
    thread.start()
    return thread


def ready():
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    os.read(0, 1)
    os._exit(0)


def meet(count):
    """Returns when all of them are here."""
    arrived.append(None)
    while len(arrived) < count:
        time.sleep(0.001)


arrived = []


def take_both(held, wanted, count):
    with held:
        meet(count)
        with wanted:
            pass


class Account(object):
    def __init__(self):
        self.lock = threading.Lock()

    def pay(self, other, count):
        with self.lock:
            meet(count)
            other.take()

    def take(self):
        with self.lock:
            pass


def hold(lock):
    with lock:
        meet(2)
        time.sleep(1000)


def take(lock):
    meet(2)
    lock.acquire()


def hold_by_hand(lock):
    lock.acquire()
    meet(2)
    time.sleep(1000)


def take_twice():
    with first:
        arrived.append(None)
        with first:
            pass


def wait_in_with(condition, lock):
    with lock:
        arrived.append(None)
        condition.wait()


def wait_event(event):
    arrived.append(None)
    event.wait()


def get(queue):
    arrived.append(None)
    queue.get()


def join(name):
    meet(2)
    threads[name].join()


def hold_and_join(name):
    with first:
        meet(2)
        threads[name].join()


def take_forever(lock):
    meet(2)
    with lock:
        pass


threads = {}
if case == "locks":
    start(take_both, first, second, 2)
    start(take_both, second, first, 2)
elif case == "rlocks":
    start(take_both, recursive_first, recursive_second, 2)
    start(take_both, recursive_second, recursive_first, 2)
elif case == "three":
    start(take_both, first, second, 3)
    start(take_both, second, third, 3)
    start(take_both, third, first, 3)
elif case == "accounts":
    left, right = Account(), Account()
    start(left.pay, right, 2)
    start(right.pay, left, 2)
elif case == "held":
    start(hold, first)
    start(take, first)
elif case == "by_hand":
    start(hold_by_hand, first)
    start(take, first)
elif case == "itself":
    start(take_twice)
elif case == "released":
    # the first one is inside of a with of the lock, and has let go of it; the second one has it by hand
    condition = threading.Condition(first)
    start(wait_in_with, condition, first)
    while not arrived or not first.acquire(False):
        time.sleep(0.001)
    start(take, first)
    meet(2)
elif case == "waiting":
    try:
        from queue import Queue
    except ImportError:
        from Queue import Queue
    event = threading.Event()
    jobs = Queue()
    start(wait_event, event)
    start(get, jobs)
elif case == "join":
    threads["joined"] = start(take_forever, first)
    threads["joiner"] = start(hold_and_join, "joined")
elif case == "contend":
    locks = [threading.Lock() for i in range(4)] + [threading.RLock() for i in range(4)]

    def contend(number):
        while True:
            a, b = sorted((number * 7 % 8, (number * 3 + 1) % 8))
            with locks[a]:
                with locks[b]:
                    pass
            number += 1

    for number in range(8):
        start(contend, number)
ready()
