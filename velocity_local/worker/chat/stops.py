"""Stop strings in streamed text. Knows nothing of tokens or of what the text means."""

from velocity_local.worker.chat.markers import pending_suffix


class StopScanner:
    """Holds back text that may begin a stop, and ends at the first stop that completes.

    Of stops that complete at the same character the longest counts, so the answer does not
    depend on how the text was cut into pieces. `matched` is that stop, once there is one; text
    from its beginning on is never released.
    """

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._beginnings = frozenset("".join(stop[:-1] for stop in self._stops))
        self._held = ""
        self.matched: str | None = None

    @property
    def held(self) -> int:
        """Characters fed and not released."""
        return len(self._held)

    def feed(self, text: str) -> str:
        """The text that `text` made certain to be outside every stop."""
        if self.matched is not None:
            self._held += text
            return ""
        text = self._held + text
        cut = self._match(text)
        if cut is None:
            cut = len(text) - self._pending(text)
        self._held = text[cut:]
        return text[:cut]

    def flush(self) -> str:
        """What is held back, if no stop was met: no more text will come."""
        if self.matched is not None:
            return ""
        text, self._held = self._held, ""
        return text

    def _match(self, text: str) -> int | None:
        first: tuple[int, int] | None = None
        for stop in self._stops:
            start = text.find(stop)
            if start < 0:
                continue
            found = (start + len(stop), start)
            if first is None or found < first:
                first, self.matched = found, stop
        return None if first is None else first[1]

    def _pending(self, text: str) -> int:
        if not text or text[-1] not in self._beginnings:
            return 0
        return max(pending_suffix(text, stop) for stop in self._stops)
