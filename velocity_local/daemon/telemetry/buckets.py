"""A histogram that takes a whole request's values at once: a sort and a few bisections, where
one call for each token would cost the event loop milliseconds.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

FIRST_TOKEN_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
BETWEEN_TOKENS_S = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.02,
    0.03,
    0.05,
    0.075,
    0.1,
    0.15,
    0.25,
    0.5,
    1,
    2.5,
)
WAIT_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
WHOLE_REQUEST_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
COMMIT_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5)


class Buckets:
    """Counts of values up to and including each bound, and above the last one."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def observe_many(self, values: Sequence[float], *, scale: float = 1.0) -> None:
        """All `values`, each times `scale`."""
        if not values:
            return
        ordered = sorted(values)
        below = 0
        for index, bound in enumerate(self._bounds):
            reached = bisect_right(ordered, bound / scale)
            self._counts[index] += reached - below
            below = reached
        self._counts[-1] += len(ordered) - below
        self.sum += sum(ordered) * scale

    def cumulative(self) -> list[tuple[str, float]]:
        """(upper bound as text, how many values up to it), the last bound being +Inf."""
        total = 0
        lines = []
        for bound, count in zip(
            [*(str(float(each)) for each in self._bounds), "+Inf"], self._counts, strict=True
        ):
            total += count
            lines.append((bound, float(total)))
        return lines
