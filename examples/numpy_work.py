# SPDX-License-Identifier: MIT
"""Python and numpy in one program: what is slow here, and is it Python or C? For pyrope --native."""
import sys
import time

import numpy


def clusters(points, centres):
    """The index of the nearest centre of each point."""
    distances = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
    return distances.argmin(axis=1)


def move(points, nearest, count):
    return numpy.array([points[nearest == index].mean(axis=0) for index in range(count)])


def k_means(points, count):
    centres = points[:count]
    for _ in range(5):
        centres = move(points, clusters(points, centres), count)
    return centres


def rank(points):
    """Sorts with a key in Python."""
    return sorted(range(2000), key=lambda index: points[index, 0])


def solve(points):
    matrix = points[:200] @ points[:200].T + numpy.eye(200)
    return numpy.linalg.solve(matrix, numpy.sort(points[:200, 0]))


def main():
    random = numpy.random.default_rng(7)
    end = time.monotonic() + float(sys.argv[1] if len(sys.argv) > 1 else 10)
    while time.monotonic() < end:
        points = random.normal(size=(4000, 8))
        k_means(points, 12)
        rank(points)
        solve(points)


if __name__ == "__main__":
    main()
