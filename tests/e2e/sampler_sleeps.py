# SPDX-License-Identifier: MIT
"""How far a pyrope that runs has come, seen from outside; has_ticked in lib.sh is the same for shell."""
import contextlib
import glob


def sampler_sleeps(pid):
    """How often the sampler has slept: once between two ticks, and at its start for the threads that it waits for."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/status"):
        with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
            status = file.read()
            if "pyrope-sampler" in status:
                total += int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])
    return total
