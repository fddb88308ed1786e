"""One choice's tokens in, its deltas out: text, reasoning, tool calls, stops, log-probabilities.

    token → bytes → text → stops → reasoning | content → tool calls | text

Between stops and reasoning, markers that are spelled in tokens of text are broken, and whole
again in what is shown (`chat/spelling.py`).

Each stage may hold back an end of what it was fed; the text released is what no later token can
change. Everything is a function of the tokens alone, so that replaying them in another process
gives the same output again.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from velocity_local.core.events import Delta, FinishReason, TokenLogprob, ToolCallDelta
from velocity_local.worker.chat.channel_forms import framing
from velocity_local.worker.chat.channels import ChannelForm, ChannelSplitter
from velocity_local.worker.chat.detokenize import Detokenizer
from velocity_local.worker.chat.pieces import PieceTable
from velocity_local.worker.chat.segments import ReasoningSplitter, Segments, Splitter
from velocity_local.worker.chat.spelling import Spelling
from velocity_local.worker.chat.stops import StopScanner
from velocity_local.worker.chat.thinking import THINK, Thinking
from velocity_local.worker.chat.tools.parser import CallIds, Dialect, Offer, Parsed, ToolParser

TopLogprobs = tuple[tuple[int, float], ...]


class OutputPlan(NamedTuple):
    """How one choice's output is read.

    `echo` is shown before the first token. `dialect` is set if tools were offered, and `offers`
    are they.
    """

    call_id: CallIds
    stops: tuple[str, ...] = ()
    splits_reasoning: bool = False
    starts_in_reasoning: bool = False
    dialect: Dialect | None = None
    with_logprobs: bool = False
    echo: str = ""
    thinking: Thinking = THINK
    offers: tuple[Offer, ...] = ()


class Delivered(NamedTuple):
    """Characters of each channel that the caller has already."""

    text: int = 0
    reasoning: int = 0
    tools: int = 0


class _Visible(NamedTuple):
    text: str
    reasoning: str = ""
    calls: tuple[ToolCallDelta, ...] = ()


class _Unreported(NamedTuple):
    """A token not reported yet; `start` counts the characters before it."""

    start: int
    token: int
    logprob: float
    top: TopLogprobs


class ChoicePipeline:
    """Fed every token but the end-of-generation one, then finished once."""

    def __init__(self, index: int, pieces: PieceTable, plan: OutputPlan) -> None:
        self._index = index
        self._pieces = pieces
        self._plan = plan
        self._detokenizer = Detokenizer()
        self._stops = StopScanner(plan.stops) if plan.stops else None
        self._splitter = _splitter(plan) if plan.splits_reasoning else None
        self._parser: ToolParser | None = None
        if plan.dialect is not None:
            self._parser = plan.dialect.Parser(plan.call_id, plan.offers)
        self._spelling: Spelling | None = None
        if pieces.control and (self._splitter or self._parser):
            self._spelling = Spelling(tuple(pieces.control))
        self._is_plain = not (self._stops or self._splitter or self._parser or plan.with_logprobs)
        self._unreported: list[_Unreported] = []
        self._starts: deque[int] = deque()  # of tokens not known to be reasoning or not
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
            shown.append(_Visible(text) if self._is_plain else self._read(text, token))
        return _rest(self._index, shown, delivered)

    def feed(self, token: int, logprob: float | None = None, top: TopLogprobs = ()) -> Delta | None:
        """The delta of one more token; None if it has to wait.

        Tokens are reported at once, except that log-probabilities, and their tokens with them,
        wait until there is text to show: a worker that takes over samples those tokens again,
        since it could not compute their log-probabilities otherwise.
        """
        text = self._text(token)
        if self._is_plain:
            return Delta(self._index, (token,), text)
        start = self._fed_chars
        visible = self._read(text, token)
        if not self._plan.with_logprobs:
            return Delta(self._index, (token,), *visible)
        assert logprob is not None
        self._unreported.append(_Unreported(start, token, logprob, top))
        return self._report(visible) if any(visible) else None

    def finish(self) -> Delta | None:
        """What was held back, once no token follows."""
        visible = self._flush()
        self._count_reasoning()
        if self._unreported:
            delta = self._report(visible)
            return delta if delta.tokens or any(visible) else None
        return Delta(self._index, (), *visible) if any(visible) else None

    def _text(self, token: int) -> str:
        if not self._detokenizer.is_pending:
            text = self._pieces.text(token)
            if text is not None:
                return text
        return self._detokenizer.feed(self._pieces.piece(token))

    def _read(self, text: str, token: int) -> _Visible:
        if self._splitter is not None:
            self._starts.append(self._fed_chars)
        self._note(text, is_marker=self._pieces.text(token) in self._pieces.control)
        visible = self._parse(self._stops.feed(text) if self._stops is not None else text)
        self._count_reasoning()
        return visible

    def _note(self, text: str, *, is_marker: bool = False) -> None:
        """Count text that comes, with its breaks."""
        self._fed_chars += len(text)
        if self._spelling is not None:
            self._fed_chars += self._spelling.note(text, is_marker=is_marker)

    def _parse(self, text: str, *, is_last: bool = False) -> _Visible:
        if self._spelling is not None:
            text = self._spelling.broken(text)
        reasoning = ""
        calls: tuple[ToolCallDelta, ...] = ()
        if self._splitter is not None:
            reasoning, text = self._split(text, is_last=is_last)
        if self._parser is not None:
            parsed = self._parser.feed(text)
            text, calls = _joined(parsed, self._parser.finish()) if is_last else parsed
            self._has_calls = self._has_calls or bool(calls)
        if self._spelling is None:
            return _Visible(text, reasoning, calls)
        restored = self._spelling.restored
        return _Visible(restored(text), restored(reasoning), self._spelling.restored_calls(calls))

    def _split(self, text: str, *, is_last: bool) -> Segments:
        assert self._splitter is not None
        first = self._splitter.feed(text)
        if not is_last:
            return first
        last = self._splitter.flush()
        return Segments(first.reasoning + last.reasoning, first.content + last.content)

    def _flush(self) -> _Visible:
        text = self._detokenizer.flush()
        self._note(text)
        if self._stops is not None:
            text = self._stops.feed(text) + self._stops.flush()
        return self._parse(text, is_last=True)

    def _shown_chars(self) -> int:
        """How far the text has left every stage."""
        stages = (self._stops, self._splitter, self._parser)
        n_breaks = 0 if self._spelling is None else self._spelling.n_pending
        return self._fed_chars - n_breaks - sum(s.held for s in stages if s is not None)

    def _count_reasoning(self) -> None:
        if self._splitter is None:
            return
        shown, splitter = self._shown_chars(), self._splitter
        while self._starts and self._starts[0] < shown:
            self.reasoning_tokens += splitter.is_reasoning(self._starts.popleft())

    def _report(self, visible: _Visible) -> Delta:
        """A delta with all tokens up to here, or up to a stop."""
        end = self._fed_chars + 1 if self.stop_text is None else self._shown_chars()
        reported = [token for token in self._unreported if token.start < end]
        self._unreported.clear()
        tokens = tuple(token.token for token in reported)
        return Delta(self._index, tokens, *visible, tuple(map(self._logprob, reported)))

    def _logprob(self, token: _Unreported) -> TokenLogprob:
        piece = self._pieces.piece
        top = tuple((other, piece(other), value) for other, value in token.top)
        return TokenLogprob(token.token, piece(token.token), token.logprob, top)


def _splitter(plan: OutputPlan) -> Splitter:
    form = framing(plan.thinking)
    if isinstance(form, ChannelForm):
        return ChannelSplitter(form, starts_inside=plan.starts_in_reasoning)
    return ReasoningSplitter(form, starts_inside=plan.starts_in_reasoning)


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
