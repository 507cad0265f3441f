# SPDX-License-Identifier: MIT
"""Markdown tables, and what stands above them: on what, and how busy it was."""
import os
import platform
import statistics


def table(header, rows):
    """Columns as wide as their widest cell; all but the first column are aligned to the right."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [header] + rows) for i in range(len(header))]

    def line(cells):
        first = [cells[0].ljust(widths[0])]
        return "| %s |" % " | ".join(first + [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:])])

    rule = "|-%s|%s" % ("-" * widths[0] + "-", "".join("-" * (width + 1) + ":|" for width in widths[1:]))
    return "\n".join([line(header), rule] + [line(row) for row in rows])


def processor():
    with open("/proc/cpuinfo") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def load_average():
    return "%.2f" % os.getloadavg()[0]


def machine():
    return "%d x %s, Linux %s, load average %s" % (os.cpu_count(), processor(), platform.release(), load_average())


def significant(value, digits=3):
    """1234.5 -> 1235, 12.345 -> 12.3, 0.012345 -> 0.0123"""
    if value is None or value != value:
        return "-"
    if abs(value) >= 10 ** (digits - 1):
        return "%.0f" % value
    return "%.*g" % (digits, value)


class Spread:
    """Several measurements of one thing."""

    def __init__(self, values):
        self.values = [value for value in values if value is not None]

    @property
    def median(self):
        return statistics.median(self.values) if self.values else None

    def text(self, form=significant):
        if not self.values:
            return "-"
        if len(self.values) == 1:
            return form(self.median)
        return "%s (%s-%s)" % (form(self.median), form(min(self.values)), form(max(self.values)))
