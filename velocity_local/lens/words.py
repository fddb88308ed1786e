"""Prompts of random words with a given number of tokens.

Most vocabularies have each of these words with a space before it as one token; which do is asked
of the server's own tokenizer, where it has one. Else a length is an estimate, and said to be.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

CountTokens = Callable[[str], int]

_TEXT = """
time year people way day man thing woman life child world school state family student group
country problem hand part place case week company system program question work government number
night point home water room mother area money story fact month lot right study book eye job word
business issue side kind head house service friend father power hour game line end member law
car city community name president team minute idea kid body information back parent face others
level office door health person art war history party result change morning reason research girl
guy moment air teacher force education
"""
WORDS = tuple(_TEXT.split())
_FEWEST_WORDS = 24
_PROBE_TOKENS = 100


@dataclass(frozen=True, slots=True)
class WordTexts:
    """Makes texts; the same chance gives the same text.

    A text of n words has `n + first_extra` tokens if `is_exact`, else about as many.
    """

    words: tuple[str, ...] = WORDS
    first_extra: int = 0
    is_exact: bool = False

    def text(self, n_tokens: int, random: Random) -> str:
        n_words = max(1, n_tokens - self.first_extra)
        return " ".join(random.choices(self.words, k=n_words))


def word_texts(count_tokens: CountTokens) -> WordTexts:
    """Texts of the words that are one token each after another word, by that tokenizer.

    If too few are, or their tokens do not add up, lengths are estimates.
    """
    first = Counter(count_tokens(word) for word in WORDS).most_common(1)[0][0]
    lead = next(word for word in WORDS if count_tokens(word) == first)
    words = tuple(
        word
        for word in WORDS
        if count_tokens(word) == first and count_tokens(f"{lead} {word}") == first + 1
    )
    if len(words) < _FEWEST_WORDS:
        return WordTexts()
    texts = WordTexts(words, first - 1, is_exact=True)
    probe = texts.text(_PROBE_TOKENS, random_of("probe"))
    return texts if count_tokens(probe) == _PROBE_TOKENS else WordTexts()


def random_of(*salt: object) -> Random:
    """Chance that is the same for the same salt."""
    return Random(":".join(str(each) for each in salt))  # noqa: S311 - words, no secrets
