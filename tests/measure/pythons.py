# SPDX-License-Identifier: MIT
"""Which interpreters run the programs under test: those of $PYTHON, else a 3.11 and a 3.15 where there is one."""
import os
import shutil
import subprocess


def find():
    named = os.environ.get("PYTHON", "").split()
    if not named:
        first = shutil.which("python3.11") or shutil.which("python3")
        newest = shutil.which("python3.15")
        named = [first] + ([newest] if newest and samples_itself(newest) else [])
    for python in named:
        if not shutil.which(python) or not version(python):
            raise SystemExit("not an interpreter: %s" % python)
    return [shutil.which(python) for python in named]


def version(python):
    """As 3.11.7; empty if it does not run."""
    return subprocess.run([python, "-c", "import sys; print('.'.join(map(str, sys.version_info[:3])))"],
        stdout=subprocess.PIPE, universal_newlines=True).stdout.strip()


def samples_itself(python):
    """Does it bring profiling.sampling?"""
    return subprocess.run([python, "-c", "import profiling.sampling"], stderr=subprocess.DEVNULL).returncode == 0
