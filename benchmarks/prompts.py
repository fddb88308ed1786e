"""Prompts of a wanted number of words. Knows nothing of tokens or servers."""

import secrets
from pathlib import Path
from random import Random

WORDS: tuple[str, ...] = tuple(Path(__file__).with_name("words.txt").read_text("utf-8").split())


def prompt_of(n_words: int, *, seed: int) -> str:
    """`n_words` random common words; two seeds share no prefix worth caching."""
    return " ".join(Random(seed).choices(WORDS, k=n_words))


def fresh_seed() -> int:
    """Where a run's seeds begin: servers keep prompts they have seen, so no run repeats one."""
    return secrets.randbits(48)
