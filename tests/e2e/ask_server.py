# SPDX-License-Identifier: MIT
"""ask_server.py PORT PROCESSES LEAST [--not PID,PID...] [--may-fail]

Asks a server on the loopback, four requests at a time, until so many of its processes have answered so many requests each, those
of --not left out. Prints for each process, those of --not too, "PID REQUESTS". The exit code is 1 when a request has failed, unless
some may, or when the deadline has passed.
"""
import argparse
import http.client
import sys
import threading
import time

DEADLINE_S = 240


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("processes", type=int)
    parser.add_argument("least", type=int)
    parser.add_argument("--not", dest="others", default="")
    parser.add_argument("--may-fail", action="store_true")
    return parser.parse_args()


def ask(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    try:
        connection.request("GET", "/", headers={"Connection": "close"})
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise ValueError("%d %r" % (response.status, body[:200]))
        return int(body)
    finally:
        connection.close()


class Load:
    def __init__(self, arguments):
        self.arguments = arguments
        self.others = {int(pid) for pid in arguments.others.split(",") if pid}
        self.lock = threading.Lock()
        self.answers, self.failures = {}, []
        self.end = time.monotonic() + DEADLINE_S

    def is_enough(self):
        enough = [pid for pid, count in self.answers.items() if count >= self.arguments.least and pid not in self.others]
        return len(enough) >= self.arguments.processes

    def is_over(self):
        return self.is_enough() or time.monotonic() > self.end or (self.failures and not self.arguments.may_fail)

    def run(self):
        while not self.is_over():
            try:
                pid = ask(self.arguments.port)
            except (OSError, ValueError, http.client.HTTPException) as error:
                with self.lock:
                    self.failures.append(repr(error))
                time.sleep(0.02)
                continue
            with self.lock:
                self.answers[pid] = self.answers.get(pid, 0) + 1


def main():
    load = Load(parse())
    threads = [threading.Thread(target=load.run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for pid, count in sorted(load.answers.items()):
        print(pid, count)
    for failure in load.failures[:5]:
        print(failure, file=sys.stderr)
    return 0 if load.is_enough() and (load.arguments.may_fail or not load.failures) else 1


if __name__ == "__main__":
    sys.exit(main())
