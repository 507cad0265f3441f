# SPDX-License-Identifier: MIT
"""A small service to look at in a flame graph: `python3 examples/service [SECONDS] [--stall]`, 3 seconds by default.

It does what web services do (parse a request, find its route, ask a cache, search, sort, fill in a template, write JSON)
in worker threads that take raw HTTP requests from a queue. No socket is opened, so that nothing outside it can disturb
the picture. With --stall it has a fault to be found: once a second nothing goes on for a while. Python 2.7 or newer.
"""
from __future__ import print_function

import itertools
import sys
import threading
import time

try:
    import queue
except ImportError:
    import Queue as queue

import routes
import store
import wire

WORKERS = 4
QUEUE_LENGTH = 64

# What the clients ask for, with how often: a mix, not a benchmark.
TRAFFIC = (
    ["GET /articles?page=%d HTTP/1.1" % page for page in range(1, 9)]
    + ["GET /articles/%d HTTP/1.1" % number for number in range(0, 400, 7)]
    + ["GET /search?q=%s&order=score HTTP/1.1" % word for word in store.WORDS[:12]]
    + ["GET /api/articles?limit=40 HTTP/1.1"] * 8
    + ["GET /api/report HTTP/1.1"] * 2
    + ["GET /nowhere HTTP/1.1"]
)
HEADERS = (
    "Host: example.org\r\nUser-Agent: client/1.0 (X11; Linux)\r\nAccept: text/html, application/json;q=0.9\r\n"
    "Accept-Language: en, de;q=0.7\r\nCookie: session=6f1c; theme=dark; seen=17%2C4\r\n\r\n"
)


class Worker(threading.Thread):
    def __init__(self, number, requests, router):
        threading.Thread.__init__(self, name="worker-%d" % number)
        self.daemon = True
        self.requests = requests
        self.router = router
        self.handled = 0

    def run(self):
        while True:
            raw = self.requests.get()
            if raw is None:
                return
            self.handle(raw)
            self.handled += 1

    def handle(self, raw):
        request = wire.parse_request(raw)
        status, content_type, body = self.router.dispatch(request)
        return wire.format_response(status, content_type, body)


def send_traffic(requests, deadline):
    for line in itertools.cycle(TRAFFIC):
        if time.time() >= deadline:
            return
        requests.put(line + "\r\n" + HEADERS)


def save_each_second(cache):
    while True:
        time.sleep(1 - time.time() % 1)
        cache.save(0.15)


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--stall"]
    seconds = float(arguments[0]) if arguments else 3.0
    requests = queue.Queue(QUEUE_LENGTH)
    articles = store.Store(articles=400)
    router = routes.build_router(articles)
    if "--stall" in sys.argv:
        saver = threading.Thread(target=save_each_second, args=(articles.cache,), name="saver")
        saver.daemon = True
        saver.start()
    workers = [Worker(number, requests, router) for number in range(1, WORKERS + 1)]
    for worker in workers:
        worker.start()
    send_traffic(requests, time.time() + seconds)
    for worker in workers:
        requests.put(None)
    for worker in workers:
        worker.join()
    print("service: %d requests" % sum(worker.handled for worker in workers), file=sys.stderr)


if __name__ == "__main__":
    main()
