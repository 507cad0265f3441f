# SPDX-License-Identifier: MIT
"""How far a profile is from the truth, and how far one of so many samples is by chance."""
import math


def distance(counts, shares):
    """Total variation: the share of all samples that would have to change place."""
    total = sum(counts)
    return sum(abs(count / total - share) for count, share in zip(counts, shares)) / 2


def expected_distance(samples, shares):
    """Its mean for independent samples, from the mean deviation of a normal distribution."""
    return sum(math.sqrt(2 * share * (1 - share) / (math.pi * samples)) for share in shares) / 2


def chi_square_per_degree(counts, shares):
    total = sum(counts)
    terms = [(count - total * share) ** 2 / (total * share) for count, share in zip(counts, shares) if share]
    return sum(terms) / (len(terms) - 1)


def probability(chi_square_per_degree, degrees):
    """Of a chi-square that large or larger; Wilson and Hilferty's approximation."""
    spread = 2 / (9 * degrees)
    z = (chi_square_per_degree ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
    return math.erfc(z / math.sqrt(2)) / 2


def furthest(names, counts, shares):
    """The one whose share is most wrong, and by how much."""
    total = sum(counts)
    return max(((name, count / total - share) for name, count, share in zip(names, counts, shares)),
        key=lambda pair: abs(pair[1]))
