"""One choice's tokens in, its deltas out: text, reasoning, tool calls, stops, log-probabilities.

    token → bytes → text → stops → reasoning | content → tool calls | text

Each stage may hold back an end of what it was fed; the text released is what no later token can
change. Everything is a function of the tokens alone, so that replaying them in another process
gives the same output again.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from velocity_local.core.events import Delta, FinishReason, TokenLogprob, ToolCallDelta
from velocity_local.worker.chat.detokenize import Detokenizer
from velocity_local.worker.chat.pieces import PieceTable
from velocity_local.worker.chat.segments import ReasoningSplitter
from velocity_local.worker.chat.stops import StopScanner
from velocity_local.worker.chat.tools.parser import CallIds, Dialect, Parsed, ToolParser

TopLogprobs = tuple[tuple[int, float], ...]


class OutputPlan(NamedTuple):
    """How one choice's output is read.

    `echo` is shown before the first token. `dialect` is set if tools were offered.
    """

    call_id: CallIds
    stops: tuple[str, ...] = ()
    splits_reasoning: bool = False
    starts_in_reasoning: bool = False
    dialect: Dialect | None = None
    with_logprobs: bool = False
    echo: str = ""


class Delivered(NamedTuple):
    """Characters of each channel that the caller has already."""

    text: int = 0
    reasoning: int = 0
    tools: int = 0


class _Visible(NamedTuple):
    text: str
    reasoning: str = ""
    calls: tuple[ToolCallDelta, ...] = ()


class _Waiting(NamedTuple):
    """A token whose text is not shown yet; `start` counts the characters before it."""

    start: int
    token: int
    logprob: float | None
    top: TopLogprobs


class ChoicePipeline:
    """Fed every token but the end-of-generation one, then finished once."""

    def __init__(self, index: int, pieces: PieceTable, plan: OutputPlan) -> None:
        self._index = index
        self._pieces = pieces
        self._plan = plan
        self._detokenizer = Detokenizer()
        self._stops = StopScanner(plan.stops) if plan.stops else None
        self._splitter: ReasoningSplitter | None = None
        if plan.splits_reasoning:
            self._splitter = ReasoningSplitter(starts_inside=plan.starts_in_reasoning)
        self._parser: ToolParser | None = None
        if plan.dialect is not None:
            self._parser = plan.dialect.Parser(plan.call_id)
        self._is_plain = not (self._stops or self._splitter or self._parser or plan.with_logprobs)
        self._tracks_tokens = plan.with_logprobs or self._splitter is not None
        self._waiting: deque[_Waiting] = deque()
        self._fed_chars = 0
        self._has_calls = False
        self.reasoning_tokens = 0

    @property
    def stop_text(self) -> str | None:
        """The stop that was met; the choice is over then."""
        return self._stops.matched if self._stops is not None else None

    def reason(self, reason: FinishReason) -> FinishReason:
        """`reason`, unless the answer ended by itself after calling tools."""
        return "tool_calls" if reason == "stop" and self._has_calls else reason

    def begin(self) -> Delta | None:
        """What is shown before the first token."""
        return Delta(self._index, (), self._plan.echo) if self._plan.echo else None

    def replay(self, tokens: Iterable[int], delivered: Delivered) -> Delta | None:
        """Go through tokens another process emitted; what of their text was not delivered.

        Takes the place of `begin`. The tokens themselves are not reported again.
        """
        shown = [_Visible(self._plan.echo)]
        for token in tokens:
            text = self._text(token)
            shown.append(_Visible(text) if self._is_plain else self._read(token, text))
            self._release()
        return _rest(self._index, shown, delivered)

    def feed(self, token: int, logprob: float | None = None, top: TopLogprobs = ()) -> Delta | None:
        """The delta of one more token; None if all of it has to wait.

        Tokens are reported at once, except that tokens with log-probabilities wait until some of
        their text is shown: a worker that takes over samples them again.
        """
        text = self._text(token)
        if self._is_plain:
            return Delta(self._index, (token,), text)
        visible = self._read(token, text, logprob, top)
        released = self._release()
        if not self._plan.with_logprobs:
            return Delta(self._index, (token,), visible.text, visible.reasoning, visible.calls)
        return self._delta_with_logprobs(visible, released)

    def finish(self) -> Delta | None:
        """What was held back, once no token follows."""
        visible = self._flush()
        if visible.calls:
            self._has_calls = True
        released = self._release()
        if self.stop_text is None:
            released += self._waiting
            self._waiting.clear()
        if self._plan.with_logprobs:
            return self._delta_with_logprobs(visible, released)
        return Delta(self._index, (), *visible) if any(visible) else None

    def _text(self, token: int) -> str:
        if not self._detokenizer.is_pending:
            text = self._pieces.text(token)
            if text is not None:
                return text
        return self._detokenizer.feed(self._pieces.piece(token))

    def _read(
        self, token: int, text: str, logprob: float | None = None, top: TopLogprobs = ()
    ) -> _Visible:
        if self._tracks_tokens:
            self._waiting.append(_Waiting(self._fed_chars, token, logprob, top))
        self._fed_chars += len(text)
        visible = self._parse(self._stops.feed(text) if self._stops is not None else text)
        if visible.calls:
            self._has_calls = True
        return visible

    def _parse(self, text: str) -> _Visible:
        reasoning = ""
        calls: tuple[ToolCallDelta, ...] = ()
        if self._splitter is not None:
            reasoning, text = self._splitter.feed(text)
        if self._parser is not None:
            text, calls = self._parser.feed(text)
        return _Visible(text, reasoning, calls)

    def _flush(self) -> _Visible:
        text = self._detokenizer.flush()
        self._fed_chars += len(text)
        if self._stops is not None:
            text = self._stops.feed(text) + self._stops.flush()
        reasoning = ""
        if self._splitter is not None:
            first, last = self._splitter.feed(text), self._splitter.flush()
            reasoning, text = first.reasoning + last.reasoning, first.content + last.content
        if self._parser is None:
            return _Visible(text, reasoning)
        parsed = _joined(self._parser.feed(text), self._parser.finish())
        return _Visible(parsed.text, reasoning, parsed.calls)

    def _release(self) -> list[_Waiting]:
        """Tokens some of whose text has left every stage."""
        shown = self._fed_chars - self._held()
        released = []
        while self._waiting and self._waiting[0].start < shown:
            waiting = self._waiting.popleft()
            released.append(waiting)
            self.reasoning_tokens += self._is_reasoning(waiting.start)
        return released

    def _held(self) -> int:
        stages = (self._stops, self._splitter, self._parser)
        return sum(stage.held for stage in stages if stage is not None)

    def _is_reasoning(self, at: int) -> bool:
        if self._splitter is None or self._splitter.reasoning_start is None:
            return False
        end = self._splitter.reasoning_end
        return self._splitter.reasoning_start <= at and (end is None or at < end)

    def _delta_with_logprobs(self, visible: _Visible, released: list[_Waiting]) -> Delta | None:
        if not released and not any(visible):
            return None
        tokens = tuple(waiting.token for waiting in released)
        logprobs = tuple(
            self._logprob(waiting, waiting.logprob)
            for waiting in released
            if waiting.logprob is not None
        )
        return Delta(self._index, tokens, *visible, logprobs)

    def _logprob(self, waiting: _Waiting, logprob: float) -> TokenLogprob:
        piece = self._pieces.piece
        top = tuple((token, piece(token), value) for token, value in waiting.top)
        return TokenLogprob(waiting.token, piece(waiting.token), logprob, top)


def _joined(first: Parsed, last: Parsed) -> Parsed:
    return Parsed(first.text + last.text, first.calls + last.calls)


def _rest(index: int, shown: list[_Visible], delivered: Delivered) -> Delta | None:
    text = "".join(visible.text for visible in shown)[delivered.text :]
    reasoning = "".join(visible.reasoning for visible in shown)[delivered.reasoning :]
    calls = _undelivered([call for visible in shown for call in visible.calls], delivered.tools)
    return Delta(index, (), text, reasoning, calls) if text or reasoning or calls else None


def _undelivered(calls: list[ToolCallDelta], chars: int) -> tuple[ToolCallDelta, ...]:
    """`calls` without their first `chars`, counted as `core.events.tool_chars` does."""
    rest = []
    for call in calls:
        name = len(call.name or "")
        size = name + len(call.arguments)
        if chars >= size:
            chars -= size
        elif chars >= name and chars > 0:
            rest.append(ToolCallDelta(call.index, None, None, call.arguments[chars - name :]))
            chars = 0
        else:
            rest.append(call)
            chars = 0
    return tuple(rest)
