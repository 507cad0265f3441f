# SPDX-License-Identifier: MIT
"""Makes code all the time, as templates, dataclasses and ORMs do: functions that run for some milliseconds, each once."""
import support

CODE = "def generated():\n    x = 0\n    while x < 60000:\n        x += 1\n"


def work():
    count = 0
    while True:
        count += 1
        names = {}
        exec(compile(CODE, "<generated %d>" % count, "exec"), names)
        names["generated"]()  # here: call


support.ready()
work()
