"""What guessing may cost: wrong guesses are paid from what right ones saved, and a small allowance.

Estimates may be wrong; this is what keeps guessing from making anything slower for long. The unit
is a pass without guesses.
"""

# Losses after which guessing rests, whatever was expected of it; savings up to here are kept.
MOST = 20.0
AT_FIRST = 8.0
# What measuring sizes that were never tried may cost: all that is known of a machine after loading
PROBES_AT_FIRST = 40.0
# Both grow by this for each pass without guesses.
EARNED = 0.004


class Allowance:
    """An account of passes saved and lost."""

    def __init__(self) -> None:
        self._balance = AT_FIRST
        self._probes = PROBES_AT_FIRST

    def may_risk(self, cost: float) -> bool:
        """Whether all guesses of a pass may turn out wrong."""
        return self._balance >= min(cost, AT_FIRST)

    @property
    def for_probes(self) -> float:
        """What a pass may cost that is made to learn what it costs."""
        return self._probes

    def plain(self) -> None:
        """A pass without guesses was made."""
        self._balance = min(MOST, self._balance + EARNED)
        self._probes = min(PROBES_AT_FIRST, self._probes + EARNED)

    def guessed(self, gain: float, cost: float, *, is_probe: bool) -> None:
        """A pass with guesses gave and cost so much more than one without."""
        if is_probe:
            self._probes += min(0.0, gain - cost)
        else:
            self._balance = min(MOST, self._balance + gain - cost)
