# SPDX-License-Identifier: MIT
"""Tests for pytest-xdist; each tells the file of WORKED who has run it."""
import os

import pytest

import server_work


@pytest.mark.parametrize("number", range(100))
def test_that_works(number):
    text = server_work.answer()
    with open(os.environ["WORKED"], "a") as worked:
        worked.write(text)
