# SPDX-License-Identifier: MIT
"""For Celery; server_celery.py PROCESSES LEAST: has it work until so many of its processes have done so many tasks each."""
import os
import sys
import time

import celery

import server_work

app = celery.Celery("server_celery", broker=os.environ["BROKER"], backend=os.environ["BROKER"])
app.conf.broker_connection_retry_on_startup = True


@app.task
def task():
    return server_work.answer()


def main(processes, least):
    done = {}
    end = time.time() + 60
    while len([pid for pid in done if done[pid] >= least]) < processes and time.time() < end:
        for result in [task.delay() for _ in range(10)]:
            pid = result.get(timeout=60).strip()
            done[pid] = done.get(pid, 0) + 1
    for pid in done:
        print(pid, done[pid])


if __name__ == "__main__":
    # by the name that the worker knows the task by
    sys.modules["server_celery"] = sys.modules["__main__"]
    main(int(sys.argv[1]), int(sys.argv[2]))
