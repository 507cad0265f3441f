# SPDX-License-Identifier: MIT
"""Writes a 32-bit x86 program that sleeps for ever, so that no 32-bit compiler is needed: elf32.py FILE"""
import os
import struct
import sys

ADDRESS = 0x10000
HEADERS = 52 + 32
SAY = b"ready\n"
CODE_BYTES = 31
CODE = (b"\xb8\x04\x00\x00\x00"  # mov $4, %eax: write
        b"\xbb\x01\x00\x00\x00"  # mov $1, %ebx
        b"\xb9" + struct.pack("<I", ADDRESS + HEADERS + CODE_BYTES) +  # mov $text, %ecx
        b"\xba" + struct.pack("<I", len(SAY)) +  # mov $6, %edx
        b"\xcd\x80"  # int $0x80
        b"\xb8\x1d\x00\x00\x00"  # mov $29, %eax: pause
        b"\xcd\x80"  # int $0x80
        b"\xeb\xf7")  # jmp back
assert len(CODE) == CODE_BYTES

SIZE = HEADERS + len(CODE) + len(SAY)
HEADER = b"\x7fELF\x01\x01\x01" + b"\0" * 9
HEADER += struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, ADDRESS + HEADERS, 52, 0, 0, 52, 32, 1, 0, 0, 0)
HEADER += struct.pack("<IIIIIIII", 1, 0, ADDRESS, ADDRESS, SIZE, SIZE, 5, 4096)

with open(sys.argv[1], "wb") as file:
    file.write(HEADER + CODE + SAY)
os.chmod(sys.argv[1], 0o755)
