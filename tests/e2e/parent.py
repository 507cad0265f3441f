# SPDX-License-Identifier: MIT
"""Starts a program and writes down each SIGCHLD that it gets for it: the code of siginfo_t, and the status.

usage: parent.py LOG PROGRAM [ARG...]     (LOG's first line is the program's pid)
"""
import os
import signal
import sys

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
pid = os.fork()
if pid == 0:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    os.execvp(sys.argv[2], sys.argv[2:])
NAMES = {os.CLD_EXITED: "exited", os.CLD_DUMPED: "dumped", os.CLD_TRAPPED: "trapped", os.CLD_CONTINUED: "continued",
         getattr(os, "CLD_KILLED", 2): "killed", getattr(os, "CLD_STOPPED", 5): "stopped"}
with open(sys.argv[1] + ".new", "w", encoding="ascii", buffering=1) as log:
    print(pid, file=log)
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    while True:
        info = signal.sigwaitinfo([signal.SIGCHLD])
        print(NAMES.get(info.si_code, info.si_code), info.si_status, file=log)
        if info.si_code in (os.CLD_EXITED, os.CLD_DUMPED, getattr(os, "CLD_KILLED", 2)):
            os.waitpid(pid, 0)
            break
