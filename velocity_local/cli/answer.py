"""Shows one answer as it is generated, and measures it."""

from dataclasses import dataclass

from velocity_local.cli.output import Output
from velocity_local.client.chat import ChatRequest, End, Piece, stream_chat
from velocity_local.client.http import HttpClient
from velocity_local.core.clock import Clock, SystemClock


@dataclass(frozen=True, slots=True)
class Timings:
    """As seen from here, the connection included; milliseconds from sending the request."""

    ttft_ms: float | None
    total_ms: float
    tokens_per_s: float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer. `end` is None if it was stopped from here."""

    text: str
    reasoning: str
    end: End | None
    timings: Timings


class Transcript:
    """Takes the pieces of one answer in."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_s = clock.monotonic_s()
        self._first_s: float | None = None
        self._pieces: list[Piece] = []
        self.end: End | None = None

    def add(self, item: Piece | End) -> None:
        if isinstance(item, End):
            self.end = item
            return
        if self._first_s is None:
            self._first_s = self._clock.monotonic_s()
        self._pieces.append(item)

    def answer(self) -> Answer:
        return Answer(
            self._text(of_reasoning=False), self._text(of_reasoning=True), self.end, self._timings()
        )

    def _text(self, *, of_reasoning: bool) -> str:
        return "".join(piece.text for piece in self._pieces if piece.is_reasoning == of_reasoning)

    def _timings(self) -> Timings:
        now_s = self._clock.monotonic_s()
        total_ms = (now_s - self._began_s) * 1000
        if self._first_s is None:
            return Timings(None, total_ms, None)
        return Timings((self._first_s - self._began_s) * 1000, total_ms, self._rate(now_s))

    def _rate(self, now_s: float) -> float | None:
        """Tokens after the first one, in the time after the first one."""
        usage = self.end.usage if self.end is not None else None
        if usage is None or self._first_s is None or usage.completion_tokens < 2:
            return None
        elapsed_s = now_s - self._first_s
        return (usage.completion_tokens - 1) / elapsed_s if elapsed_s > 0 else None


def collect(client: HttpClient, request: ChatRequest, clock: Clock | None = None) -> Answer:
    """The answer without showing it."""
    transcript = Transcript(clock or SystemClock())
    with stream_chat(client, request) as items:
        for item in items:
            transcript.add(item)
    return transcript.answer()


def show(
    client: HttpClient,
    request: ChatRequest,
    out: Output,
    *,
    stoppable: bool = False,
    clock: Clock | None = None,
) -> Answer:
    """Write the answer as it comes, with a newline at its end.

    With `stoppable` Ctrl-C ends the answer and not the command.
    """
    transcript = Transcript(clock or SystemClock())
    screen = _Screen(out)
    try:
        with stream_chat(client, request) as items:
            for item in items:
                transcript.add(item)
                screen.show(item)
    except KeyboardInterrupt:
        if not stoppable:
            raise
    finally:
        screen.close()
    return transcript.answer()


def summary(answer: Answer) -> str:
    """Counts and times on one line."""
    timings = answer.timings
    parts = []
    if answer.end is not None and answer.end.usage is not None:
        usage = answer.end.usage
        n_cached = usage.prompt_tokens_details.cached_tokens
        cached = f" ({n_cached} cached)" if n_cached else ""
        parts.append(f"prompt {usage.prompt_tokens} tokens{cached}")
        parts.append(f"answer {usage.completion_tokens} tokens")
    if timings.ttft_ms is not None:
        parts.append(f"first token {timings.ttft_ms:.0f} ms")
    if timings.tokens_per_s is not None:
        parts.append(f"{timings.tokens_per_s:.1f} tokens/s")
    parts.append(f"total {timings.total_ms / 1000:.2f} s")
    parts.append(answer.end.finish_reason if answer.end is not None else "stopped")
    return ", ".join(parts)


class _Screen:
    """Keeps reasoning and answer apart, and the cursor at a line's start at the end."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._last = ""
        self._in_reasoning = False

    def show(self, item: Piece | End) -> None:
        if isinstance(item, Piece):
            self._show(item)

    def _show(self, piece: Piece) -> None:
        if piece.is_reasoning:
            self._in_reasoning = True
            self._out.aside(piece.text)
            return
        text = piece.text
        if self._in_reasoning:
            self._in_reasoning = False
            self._out.aside("\n\n")
            text = text.lstrip("\n")
        self._out.text(text)
        self._last = text or self._last

    def close(self) -> None:
        if self._in_reasoning or not self._last.endswith("\n"):
            self._out.line()
