"""A byte-level BPE vocabulary made from letters and common words, without any corpus.

The byte alphabet is GPT-2's (https://github.com/openai/gpt-2, `bytes_to_unicode`). Merges come in
an order in which a cut at any length is still a working vocabulary: first whole common words,
grown letter by letter behind their space, then pieces of two to four letters.
"""

from collections.abc import Iterator
from itertools import pairwise, product
from typing import NamedTuple

from benchmarks.prompts import WORDS

SPECIALS: tuple[str, ...] = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
SPACE = "\u0120"
NEWLINE = "\u010a"
LETTERS = "etaoinshrdlcumwfgypbvkjxqz"
VOWELS = "aeiouy"

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

Merge = tuple[str, str]


class Vocabulary(NamedTuple):
    """Tokens in the byte alphabet; the last ones are the specials, outside of all merges."""

    tokens: list[str]
    merges: list[Merge]

    @property
    def specials(self) -> dict[str, int]:
        first = len(self.tokens) - len(SPECIALS)
        return {text: first + i for i, text in enumerate(SPECIALS)}


def build_vocabulary(n_tokens: int) -> Vocabulary:
    """Exactly `n_tokens` tokens.

    Raises:
        ValueError: if there is no room for bytes and specials, or too few pieces exist.
    """
    tokens = byte_alphabet()
    wanted = n_tokens - len(tokens) - len(SPECIALS)
    if wanted < 0:
        raise ValueError(f"{n_tokens} tokens; at least {len(tokens) + len(SPECIALS)} are needed")
    merges = _merges(wanted)
    if len(merges) < wanted:
        raise ValueError(
            f"{n_tokens} tokens; at most {n_tokens - wanted + len(merges)} can be made"
        )
    tokens += [left + right for left, right in merges]
    return Vocabulary([*tokens, *SPECIALS], merges)


def byte_alphabet() -> list[str]:
    """The character of each of the 256 bytes: itself if it prints, else one from 256 on."""
    printing = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(256, 512))
    return [chr(byte) if byte in printing else chr(next(others)) for byte in range(256)]


def _merges(limit: int) -> list[Merge]:
    seen: set[str] = set()
    merges: list[Merge] = []
    for left, right in _candidates():
        if len(merges) == limit:
            break
        if left + right not in seen:
            seen.add(left + right)
            merges.append((left, right))
    return merges


def _candidates() -> Iterator[Merge]:
    capitals = LETTERS.upper()
    pairs = sorted(map("".join, product(LETTERS, repeat=2)), key=_is_awkward)
    yield from ((SPACE, letter) for letter in LETTERS + capitals)
    yield from _grown_words()
    yield (NEWLINE, NEWLINE)
    yield from ((pair[0], pair[1]) for pair in pairs)
    yield from product((SPACE + letter for letter in LETTERS + capitals), LETTERS)
    yield from product((SPACE + pair for pair in pairs), LETTERS)
    yield from product(capitals, pairs)
    yield from product(pairs, LETTERS)
    yield from sorted(product(pairs, pairs), key=lambda merge: _is_awkward("".join(merge)))


def _grown_words() -> Iterator[Merge]:
    for word in WORDS:
        for end in range(1, len(word)):
            yield SPACE + word[:end], word[end]


def _is_awkward(text: str) -> int:
    """How many neighbours are both vowels or both consonants; syllables have few."""
    kinds = [letter in VOWELS for letter in text]
    return sum(a == b for a, b in pairwise(kinds))
