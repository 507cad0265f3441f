# SPDX-License-Identifier: MIT
"""Makes a wheel of a static pyrope: `pip install FILE` puts the program on PATH, `python -m pyrope` starts it.

The same bytes come of the same program: each entry has the time of $SOURCE_DATE_EPOCH (or 1980) and stands in a fixed order.
Layout: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""
import argparse
import base64
import hashlib
import os
import time
import zipfile

# The program needs no C library of the system, so that it satisfies the oldest tags that installers of today know.
TAGS = ("py3-none-manylinux_2_17_{0}", "py3-none-musllinux_1_1_{0}")
MAIN = '''"""Starts the program pyrope that was installed with this module."""
import os
import sys
import sysconfig


def find():
    """The program that belongs to this module: beside it in what --target and --prefix make, else among the scripts."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    schemes = [scheme for scheme in sysconfig.get_scheme_names() if scheme.startswith("posix") or scheme == "venv"]
    folders = [sysconfig.get_path("scripts")]
    folders += [sysconfig.get_path("scripts", scheme) for scheme in schemes
                if os.path.realpath(sysconfig.get_path("purelib", scheme)) == os.path.realpath(here)]
    folders += [os.path.join(here, "bin"), os.path.join(here, "..", "..", "..", "bin")]
    for folder in folders:
        program = os.path.join(folder, "pyrope")
        if os.access(program, os.X_OK):
            return program
    sys.exit("pyrope: the program is not where pip puts scripts (%s): install the package anew" % ", ".join(folders))


def main():
    program = find()
    os.execv(program, [program] + sys.argv[1:])


if __name__ == "__main__":
    main()
'''


def metadata(version, readme):
    return f"""Metadata-Version: 2.1
Name: pyrope
Version: {version}
Summary: Sampling profiler for CPython on Linux that reads a running process from outside
Keywords: profiler,flame graph,sampling,performance
License: MIT
License-File: LICENSE
Classifier: Environment :: Console
Classifier: Intended Audience :: Developers
Classifier: License :: OSI Approved :: MIT License
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: C
Classifier: Topic :: Software Development :: Debuggers
Requires-Python: >=3.6
Description-Content-Type: text/markdown

{readme}"""


def read(path, mode="rb"):
    with open(path, mode) as file:
        return file.read()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--architecture", required=True, choices=("x86_64", "aarch64"))
    parser.add_argument("--version", required=True)
    parser.add_argument("--readme", required=True)
    parser.add_argument("--licence", required=True)
    parser.add_argument("--into", required=True, help="the folder to write the wheel to")
    parser.add_argument("program")
    arguments = parser.parse_args()

    tags = [tag.format(arguments.architecture) for tag in TAGS]
    name = f"pyrope-{arguments.version}"
    information = name + ".dist-info/"
    headline = "Wheel-Version: 1.0\nGenerator: pyrope packaging/wheel.py\nRoot-Is-Purelib: false\n"
    entries = [
        ("pyrope/__init__.py", f'__version__ = "{arguments.version}"\n'.encode(), 0o644),
        ("pyrope/__main__.py", MAIN.encode(), 0o644),
        (f"{name}.data/scripts/pyrope", read(arguments.program), 0o755),
        (information + "LICENSE", read(arguments.licence), 0o644),
        (information + "METADATA", metadata(arguments.version, read(arguments.readme).decode()).encode(), 0o644),
        (information + "WHEEL", (headline + "".join(f"Tag: {tag}\n" for tag in tags)).encode(), 0o644),
    ]
    record = ""
    for path, data, _ in entries:
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(data)}\n"
    entries.append((information + "RECORD", (record + information + "RECORD,,\n").encode(), 0o644))

    moment = time.gmtime(max(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), 315532800))[:6]
    platforms = ".".join(tag.split("-")[2] for tag in tags)
    out = os.path.join(arguments.into, f"{name}-py3-none-{platforms}.whl")
    with zipfile.ZipFile(out + ".new", "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, data, mode in entries:
            entry = zipfile.ZipInfo(path, moment)
            entry.create_system = 3
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, data, compresslevel=9)
    os.replace(out + ".new", out)
    print(f"{out}: {os.path.getsize(out)} bytes")


main()
