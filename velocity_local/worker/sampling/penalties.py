"""What a sequence has said makes it less likely to be said again."""

from collections import Counter, deque
from collections.abc import Callable, Sequence

import numpy as np

from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.sampling.rows import FloatRow

# Where a power would leave what a float32 can hold (llama-sampler.cpp does the same)
_LARGEST_LOG = 88.7228391

Piece = Callable[[int], bytes]


class Repetition:
    """The penalties of repetition, frequency and presence over the last `last_n` tokens."""

    def __init__(self, params: SamplingParams, last_n: int) -> None:
        self._params = params
        self._last: deque[int] = deque()
        self._last_n = last_n
        self._counts: Counter[int] = Counter()

    def tell(self, token: int) -> None:
        self._last.append(token)
        self._counts[token] += 1
        if len(self._last) > self._last_n:
            gone = self._last.popleft()
            self._counts[gone] -= 1
            if not self._counts[gone]:
                del self._counts[gone]

    def apply(self, logits: FloatRow) -> None:
        """Change the logits in place."""
        if not self._counts:
            return
        params = self._params
        tokens = np.fromiter(self._counts, np.int64, len(self._counts))
        counts = np.fromiter(self._counts.values(), np.float32, len(self._counts))
        seen = logits[tokens]
        factor = np.float32(params.repeat_penalty)
        seen = np.where(seen > 0, seen / factor, seen * factor)
        logits[tokens] = seen - counts * params.frequency_penalty - params.presence_penalty


class Dry:
    """DRY: tokens that would go on with a repeated sequence lose more, the longer it is already.

    https://github.com/oobabooga/text-generation-webui/pull/5677. `breaks` are the places where a
    repetition is taken to end: the tokens with which one of the breakers' texts is complete.
    """

    def __init__(self, params: SamplingParams, last_n: int, piece: Piece) -> None:
        self._params = params
        self._last: deque[int] = deque(maxlen=last_n)
        self._breakers = [text.encode() for text in params.dry_sequence_breakers if text]
        self._longest = max(map(len, self._breakers), default=0)
        self._piece = piece
        self._tail = b""
        self._since_break = 0

    def tell(self, token: int) -> None:
        self._last.append(token)
        piece = self._piece(token)
        text = self._tail + piece
        new = len(text) - len(piece)
        is_break = any(text.rfind(breaker) + len(breaker) > new for breaker in self._found(text))
        self._since_break = 0 if is_break else self._since_break + 1
        self._tail = text[len(text) - self._longest + 1 :] if self._longest > 1 else b""

    def apply(self, logits: FloatRow) -> None:
        """Change the logits in place."""
        params = self._params
        last = list(self._last)
        limit = min(self._since_break, len(last))
        if limit < max(1, params.dry_allowed_length):
            return
        for token, length in _repeats(last, limit).items():
            if length >= params.dry_allowed_length:
                logits[token] -= self._penalty(length - params.dry_allowed_length)

    def _found(self, text: bytes) -> list[bytes]:
        return [breaker for breaker in self._breakers if breaker in text]

    def _penalty(self, exponent: int) -> float:
        base = self._params.dry_base
        most = _LARGEST_LOG / float(np.log(base)) if base > 1 else float(exponent)
        return float(self._params.dry_multiplier * base ** min(exponent, int(most)))


def _repeats(last: Sequence[int], limit: int) -> dict[int, int]:
    """For each token that followed an earlier end like the present one: how long that was."""
    longest: dict[int, int] = {}
    end = len(last) - 1
    for at in range(end):
        if last[at] != last[end]:
            continue
        length = 1
        while length < limit and length <= at and last[at - length] == last[end - length]:
            length += 1
        follower = last[at + 1]
        longest[follower] = max(longest.get(follower, 0), length)
    return longest
