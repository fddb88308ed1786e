"""Watches one answer come in and turns it into figures.

Time to first token counts reasoning; time to first *output* token does not. Gaps between chunks
are what the client saw; gaps between tokens come from the server's own clock, where it tells one.
"""

import hashlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from time import perf_counter
from typing import TypeVar

import msgspec

from velocity_local.client.errors import ProtocolError
from velocity_local.client.stream import EventParser
from velocity_local.lens.asks import Ask
from velocity_local.lens.exchange import Outcome
from velocity_local.lens.faults import Fault
from velocity_local.lens.lines import LineParser
from velocity_local.lens.providers.port import (
    Counts,
    Ending,
    Part,
    Piece,
    PieceKind,
    Provider,
    TokenClock,
    Vectors,
)
from velocity_local.lens.providers.refusals import refusal
from velocity_local.lens.results import ServerTimes

MAX_ERROR_BYTES = 64 * 1024
MAX_ANSWER_BYTES = 64 * 1024 * 1024
_FIRST_ERROR_STATUS = 300  # nobody follows a redirection here: it would be measured too
_MS = 1000.0
_Facts = TypeVar("_Facts", Counts, ServerTimes)


@dataclass(slots=True)
class Observation:
    """What was seen of one exchange. Times are `perf_counter` seconds.

    `piece_s` holds the arrival of every chunk with text in it; `clocks` what the server said of
    its tokens. `busy_s` is the time spent in reading the answer here.
    """

    sent_s: float = 0.0
    head_s: float | None = None
    first_s: float | None = None
    first_output_s: float | None = None
    end_s: float = 0.0
    piece_s: "array[float]" = field(default_factory=lambda: array("d"))
    clocks: list[TokenClock] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    times: ServerTimes = field(default_factory=ServerTimes)
    vectors: Vectors | None = None
    finish_reason: str | None = None
    status: int = 0
    n_bytes: int = 0
    busy_s: float = 0.0
    texts: dict[PieceKind, list[str]] = field(default_factory=dict)
    fault: Fault | None = None

    def text(self, kind: PieceKind = "text") -> str:
        return "".join(self.texts.get(kind, ()))

    @property
    def digest(self) -> str | None:
        """A hash of the output (text and tool calls, no reasoning); equal for equal outputs."""
        if self.fault is not None or self.vectors is not None:
            return None
        whole = msgspec.json.encode([self.text("text"), self.text("tool")])
        return hashlib.sha256(whole).hexdigest()

    def chunk_gaps_ms(self) -> list[float]:
        """Times between chunks that came with text, in the order they came."""
        times = self.piece_s
        return [(after - before) * _MS for before, after in pairwise(times)]

    def token_gaps_ms(self) -> list[float]:
        """Times between tokens by the server's clock; empty if it has told none.

        Tokens told of together share the time since those before them.
        """
        return list(_token_gaps(self.clocks))


def _token_gaps(clocks: Sequence[TokenClock]) -> Iterator[float]:
    for before, after in pairwise(clocks):
        n = after.n - before.n
        if n > 0:
            yield from [(after.at_ms - before.at_ms) / n] * n


class Recorder:
    """The sink of one exchange: reads its answer while it comes. `seen` is what came so far."""

    def __init__(self, provider: Provider, ask: Ask) -> None:
        self._provider = provider
        self._is_stream = ask.stream
        self._events: EventParser | LineParser | None = None
        self._rest = bytearray()
        self._n_read = 0
        self._headers: Mapping[str, str] = {}
        self.seen = Observation()

    def head(self, at_s: float, status: int, headers: Mapping[str, str]) -> None:
        seen = self.seen
        seen.head_s = at_s
        seen.status = status
        self._headers = headers
        kind = headers.get("content-type", "").lower()
        if status < _FIRST_ERROR_STATUS and self._is_stream and "application/json" not in kind:
            self._events = EventParser() if self._provider.framing == "sse" else LineParser()
        seen.busy_s += perf_counter() - at_s

    def body(self, at_s: float, data: bytes) -> Fault | None:
        begun_s = perf_counter()
        fault = self._take_stream(at_s, data) if self._events is not None else self._take(data)
        self.seen.busy_s += perf_counter() - begun_s
        return fault

    def close(self, outcome: Outcome) -> Observation:
        """The observation, once the exchange has ended."""
        seen = self.seen
        seen.sent_s = outcome.sent_s
        seen.end_s = outcome.end_s
        seen.n_bytes = outcome.n_bytes
        seen.fault = outcome.fault or self._last_word(outcome.end_s)
        return seen

    def _take(self, data: bytes) -> Fault | None:
        most = MAX_ERROR_BYTES if self.seen.status >= _FIRST_ERROR_STATUS else MAX_ANSWER_BYTES
        if len(self._rest) + len(data) <= most:
            self._rest += data
            return None
        if self.seen.status >= _FIRST_ERROR_STATUS:
            return None
        return Fault("bad_stream", f"the answer is longer than {most} bytes")

    def _take_stream(self, at_s: float, data: bytes) -> Fault | None:
        assert self._events is not None
        self._n_read += len(data)
        if self._n_read > MAX_ANSWER_BYTES:
            return Fault("bad_stream", f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
        try:
            for event in self._events.feed(data):
                fault = self._read(at_s, self._provider.event(event))
                if fault is not None:
                    return fault
        except ProtocolError as error:
            return Fault("bad_stream", str(error))
        except (msgspec.DecodeError, RecursionError) as error:
            return Fault("bad_stream", f"an event is not what the API documents: {error}")
        return None

    def _last_word(self, at_s: float) -> Fault | None:
        """What is wrong with an answer that is complete as HTTP."""
        seen = self.seen
        if seen.status >= _FIRST_ERROR_STATUS:
            return refusal(seen.status, self._headers, bytes(self._rest))
        fault = self._read_rest(at_s)
        if fault is not None:
            return fault
        if seen.finish_reason is None and seen.vectors is None:
            return Fault("bad_stream", "the answer ended without saying why")
        return None

    def _read_rest(self, at_s: float) -> Fault | None:
        if isinstance(self._events, LineParser):  # the last line need not have an end
            return self._take_stream(at_s, b"\n")
        if self._events is not None:
            return None
        try:
            return self._read(at_s, self._provider.whole(bytes(self._rest)))
        except (msgspec.DecodeError, RecursionError) as error:
            return Fault("bad_stream", f"the answer is not what the API documents: {error}")

    def _read(self, at_s: float, parts: Sequence[Part]) -> Fault | None:
        has_text = False
        for part in parts:
            match part:
                case Piece():
                    has_text = True
                    self._take_piece(at_s, part)
                case TokenClock():
                    self.seen.clocks.append(part)
                case Fault():
                    return part
                case _:
                    self._take_fact(part)
        if has_text:
            self.seen.piece_s.append(at_s)
        return None

    def _take_piece(self, at_s: float, piece: Piece) -> None:
        seen = self.seen
        if seen.first_s is None:
            seen.first_s = at_s
        if seen.first_output_s is None and piece.kind != "reasoning":
            seen.first_output_s = at_s
        seen.texts.setdefault(piece.kind, []).append(piece.text)

    def _take_fact(self, part: Counts | ServerTimes | Ending | Vectors) -> None:
        seen = self.seen
        match part:
            case Counts():
                seen.counts = _merged(seen.counts, part)
            case ServerTimes():
                seen.times = _merged(seen.times, part)
            case Ending():
                seen.finish_reason = part.reason
            case Vectors():
                seen.vectors = part


def _merged(old: _Facts, new: _Facts) -> _Facts:
    """What is known after `new`: later figures replace earlier ones, silence none."""
    said = {name: value for name, value in msgspec.structs.asdict(new).items() if value is not None}
    return msgspec.structs.replace(old, **said)
