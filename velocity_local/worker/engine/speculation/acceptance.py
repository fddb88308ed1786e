"""How often guesses come true: decayed counts, by how sure a guess is. Pure arithmetic."""

from collections.abc import Sequence

# Guesses are told apart by the length of the match that they come from, in powers of two.
N_LEVELS = 7
# What is expected of a match of up to 1, 3, 7, 15, 31 and more tokens before anything was seen
_PRIOR = (0.3, 0.3, 0.3, 0.5, 0.7, 0.85, 0.9)
# What is known already weighs as much as so many guesses
_PRIOR_WEIGHT = 6.0
# A sequence's own guesses count half after some 20 of a kind, those of a model after 500
_DECAY = 0.97
_MODEL_DECAY = 0.9985
# A guess that comes true less often is not worth its row anywhere.
_LEAST_CHANCE = 0.05


def level_of(length: int) -> int:
    """Which kind of guess a match of so many tokens gives."""
    return min(length.bit_length(), N_LEVELS - 1)


class Acceptance:
    """The rate of one sequence's guesses, or of all guesses for a model.

    Each sequence begins with what is known of the model's others, and tells them what it sees.
    """

    def __init__(
        self, model: "Acceptance | None" = None, *, prior: Sequence[float] = _PRIOR
    ) -> None:
        self._model = model
        self._prior = prior
        self._decay = _MODEL_DECAY if model is None else _DECAY
        self._hits = [0.0] * N_LEVELS
        self._trials = [0.0] * N_LEVELS

    def saw(self, length: int, is_hit: bool) -> None:  # noqa: FBT001 - a watcher's plain values
        """A token guessed by a match of `length` tokens came, or another one did."""
        level = level_of(length)
        self._hits[level] = self._hits[level] * self._decay + is_hit
        self._trials[level] = self._trials[level] * self._decay + 1
        if self._model is not None:
            self._model.saw(length, is_hit)

    def fade(self) -> None:
        """What was seen so far counts half."""
        self._hits = [hits / 2 for hits in self._hits]
        self._trials = [trials / 2 for trials in self._trials]

    def rate(self, length: int) -> float:
        """The chance that the next token of a match of `length` tokens comes."""
        level = level_of(length)
        prior = self._prior[level] if self._model is None else self._model.rate(length)
        hits = self._hits[level] + _PRIOR_WEIGHT * prior
        return hits / (self._trials[level] + _PRIOR_WEIGHT)

    def chances(self, length: int, n_tokens: int) -> list[float]:
        """For each token of a draft, the chance that it and all before it come.

        The draft ends where that is not likely any more.
        """
        chances = []
        chance = 1.0
        top = 1 << (N_LEVELS - 1)
        rate = -1.0
        for matched in range(length, length + n_tokens):
            if rate < 0 or (matched <= top and not matched & (matched - 1)):
                rate = self.rate(matched)
            chance *= rate
            if chance < _LEAST_CHANCE:
                break
            chances.append(chance)
        return chances
