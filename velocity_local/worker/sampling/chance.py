"""Randomness that a seed and a position decide, so that replaying needs no state."""

_U64 = 2**64 - 1


def coin(seed: int, position: int) -> float:
    """A number in [0, 1) that seed and position decide."""
    return mixed(seed, position) / 2**64


def mixed(seed: int, position: int) -> int:
    """64 bits that seed and position decide (SplitMix64, Steele et al. 2014)."""
    z = (seed + (position + 1) * 0x9E3779B97F4A7C15) & _U64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _U64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _U64
    return z ^ (z >> 31)
