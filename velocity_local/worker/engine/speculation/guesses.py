"""What is known about one sequence for guessing on: its past, and how its guesses went."""

from velocity_local.worker.engine.speculation.acceptance import Acceptance, level_of
from velocity_local.worker.engine.speculation.lookup import PromptLookup


class Guesses:
    """One sequence's own: where its text stands, and how often guesses at it came true.

    `modelled` is for guesses of draft models and heads, by name, once there are any.
    """

    __slots__ = ("acceptance", "lookup", "modelled")

    def __init__(self, tokens: list[int], n_before: int, model: Acceptance) -> None:
        self.acceptance = Acceptance(model)
        self.lookup = PromptLookup(tokens, n_before, self.acceptance.saw)
        self.modelled: dict[str, Acceptance] = {}

    def level(self) -> int:
        """Look at the tokens that came since; how sure the next guess is, 0 if there is none."""
        lookup = self.lookup
        return level_of(lookup.length) if lookup.catch_up() and lookup.length else 0

    def chances(self, n_most: int) -> list[float]:
        """For each token of a draft, the chance that it and all before it come; [] for none."""
        length = self.lookup.length
        return self.acceptance.chances(length, n_most) if length else []
