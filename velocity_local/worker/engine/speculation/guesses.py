"""What is known about one sequence for guessing on: its past, and how its guesses went."""

from velocity_local.worker.engine.speculation.acceptance import Acceptance
from velocity_local.worker.engine.speculation.lookup import PromptLookup


class Guesses:
    """One sequence's own; counts tokens drafted for it and how many of them it took."""

    __slots__ = ("acceptance", "lookup", "n_accepted", "n_drafted")

    def __init__(self, tokens: list[int], n_before: int, model: Acceptance) -> None:
        self.acceptance = Acceptance(model)
        self.lookup = PromptLookup(tokens, n_before, self.acceptance.saw)
        self.n_drafted = 0
        self.n_accepted = 0

    def chances(self, n_most: int) -> list[float]:
        """For each token of a draft, the chance that it and all before it come; [] for none."""
        lookup = self.lookup
        if not lookup.catch_up() or not lookup.length or n_most <= 0:
            return []
        return self.acceptance.chances(lookup.length, n_most)
