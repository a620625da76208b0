"""Random-looking numbers that are pure functions of their keys.

One hash gives sixteen uniforms, so a whole ad-day costs one hash. Nothing is drawn from a
generator with a state: the same key gives the same numbers in any order and any process.
"""

import math
import struct
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from statistics import NormalDist

_NORMAL = NormalDist().inv_cdf
_UNPACK = struct.Struct("<16I").unpack
_SCALE = 1.0 / 2**32


def uniforms(*key: object) -> list[float]:
    """Sixteen numbers strictly between 0 and 1 that belong to `key`."""
    digest = blake2b(repr(key).encode()).digest()
    return [(number + 0.5) * _SCALE for number in _UNPACK(digest)]


@lru_cache(32_768)
def uniform(*key: object) -> float:
    """One number strictly between 0 and 1 that belongs to `key`; remembered for a while."""
    digest = blake2b(repr(key).encode(), digest_size=4).digest()
    return (int.from_bytes(digest, "little") + 0.5) * _SCALE


def lognormal(quantile: float, median: float, sigma: float) -> float:
    """The lognormal value at `quantile`."""
    return median * math.exp(sigma * _NORMAL(quantile))


def rounded(expected: float, chance: float) -> int:
    """An integer whose expectation is `expected`."""
    return int(expected + chance)


def poisson(quantile: float, mean: float) -> int:
    """The Poisson value at `quantile`; the normal approximation above a mean of 30."""
    if mean <= 0:
        return 0
    if mean > 30:
        return max(0, round(mean + math.sqrt(mean) * _NORMAL(quantile)))
    count, term = 0, math.exp(-mean)
    total = term
    while quantile > total and count < 100:
        count += 1
        term *= mean / count
        total += term
    return count


def pick(quantile: float, weights: Sequence[float]) -> int:
    """The index drawn with these weights (which sum to 1)."""
    total = 0.0
    for index, weight in enumerate(weights):
        total += weight
        if quantile < total:
            return index
    return len(weights) - 1


def split(total: int, weights: Sequence[float]) -> list[int]:
    """`total` in whole parts proportional to `weights`, by largest remainder.

    The parts sum to `total` exactly; a weight of 0 gets 0. All weights 0 puts everything into
    the first part.
    """
    whole = sum(weights)
    if not whole:
        return [total, *([0] * (len(weights) - 1))]
    if not total:
        return [0] * len(weights)
    exact = [total * weight / whole for weight in weights]
    parts = [int(part) for part in exact]
    missing = total - sum(parts)
    if missing:
        order = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
        for index in order[:missing]:
            parts[index] += 1
    return parts
