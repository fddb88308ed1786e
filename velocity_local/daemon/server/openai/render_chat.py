"""Core events as the chat API's answer: whole, or as the bytes of server-sent events."""

import msgspec

from velocity_local.core.clock import Clock
from velocity_local.core.events import Delta, Event, Finished
from velocity_local.core.events import ToolCallDelta as CallDelta
from velocity_local.daemon.server.openai import logprobs
from velocity_local.daemon.server.openai.answer import Head, UsageTally
from velocity_local.daemon.server.openai.obfuscation import padding
from velocity_local.daemon.server.openai.timings import TokenTimes
from velocity_local.daemon.server.sse import event_bytes
from velocity_local.wire.http import openai_answers as answers

_MARK = "text"
_encoder = msgspec.json.Encoder()
_encode = _encoder.encode


class ChatStream:
    """Renders one streamed answer. A chunk that is only text costs one small encode."""

    def __init__(
        self,
        head: Head,
        n: int,
        *,
        has_usage: bool = False,
        is_obfuscated: bool = False,
        timed_by: Clock | None = None,
    ) -> None:
        self._head = head
        self._times = [TokenTimes(timed_by) for _ in range(n)] if timed_by is not None else None
        self._has_usage = has_usage
        self._is_obfuscated = is_obfuscated
        self._usage = UsageTally()
        self._begun: set[int] = set()
        self._texts = [self._around(i, answers.MessageDelta(content=_MARK)) for i in range(n)]
        self._reasonings = [
            self._around(i, answers.MessageDelta(reasoning_content=_MARK)) for i in range(n)
        ]

    def event(self, event: Event) -> bytes:
        """Chunks for an event; none if there is nothing to show.

        A choice's first event is led by the chunk that says who speaks.
        """
        if self._times is not None:
            self._times[event.index].see(event)
        lead = b"" if event.index in self._begun else self._begin(event.index)
        match event:
            case Delta():
                return lead + self._delta(event)
            case Finished():
                return lead + self._finish(event)
            case _:
                return lead

    def end(self) -> bytes:
        """What follows the last choice's end."""
        if not self._has_usage:
            return b""
        chunk = self._enveloped([], usage=self._usage.total())
        return event_bytes(_encode(chunk))

    def _begin(self, index: int) -> bytes:
        self._begun.add(index)
        delta = answers.MessageDelta(role="assistant", content="", refusal=None)
        return self._chunk(answers.ChunkChoice(index, delta))

    def _delta(self, event: Delta) -> bytes:
        is_slow = self._is_obfuscated or self._times is not None
        is_plain = not (event.tool_calls or event.logprobs or is_slow)
        if is_plain and event.text and not event.reasoning:
            before, after = self._texts[event.index]
            return before + _encode(event.text) + after
        if is_plain and event.reasoning and not event.text:
            before, after = self._reasonings[event.index]
            return before + _encode(event.reasoning) + after
        return b"".join(self._chunk(choice) for choice in _choices(event))

    def _finish(self, event: Finished) -> bytes:
        self._usage.add(event.usage)
        choice = answers.ChunkChoice(
            event.index, answers.MessageDelta(), finish_reason=event.reason
        )
        return self._chunk(choice)

    def _chunk(self, choice: answers.ChunkChoice) -> bytes:
        chunk = self._enveloped([choice])
        if self._is_obfuscated:
            pad = padding(len(_encode(choice)))
            chunk = msgspec.structs.replace(chunk, obfuscation=pad)
        if self._times is not None:
            timings = self._times[choice.index].timings()
            chunk = msgspec.structs.replace(chunk, timings=timings)
        return event_bytes(_encode(chunk))

    def _enveloped(
        self, choices: list[answers.ChunkChoice], usage: answers.Usage | None = None
    ) -> answers.ChatChunk:
        return answers.ChatChunk(
            id=self._head.id,
            created=self._head.created,
            model=self._head.model,
            service_tier=self._head.service_tier,
            system_fingerprint=self._head.fingerprint,
            choices=choices,
            usage=usage if self._has_usage else msgspec.UNSET,
        )

    def _around(self, index: int, delta: answers.MessageDelta) -> tuple[bytes, bytes]:
        """A chunk's bytes before and after its text."""
        chunk = self._enveloped([answers.ChunkChoice(index, delta)])
        before, _, after = event_bytes(_encode(chunk)).rpartition(_encode(_MARK))
        return before, after


class ChatAnswer:
    """Gathers one answer that is sent whole."""

    def __init__(self, n: int) -> None:
        self._usage = UsageTally()
        self._choices = [_Gathered() for _ in range(n)]

    def delta(self, event: Delta) -> None:
        self._choices[event.index].add(event)

    def finish(self, event: Finished) -> None:
        self._usage.add(event.usage)
        self._choices[event.index].finished = event

    def body(self, head: Head) -> bytes:
        """The answer, once every choice has finished."""
        return _encode(
            answers.ChatCompletion(
                id=head.id,
                created=head.created,
                model=head.model,
                choices=[each.choice() for each in self._choices],
                usage=self._usage.total(),
                system_fingerprint=head.fingerprint,
                service_tier=head.service_tier,
            )
        )


class _Gathered:
    """One choice of a whole answer."""

    def __init__(self) -> None:
        self.finished: Finished | None = None
        self._texts: list[str] = []
        self._reasonings: list[str] = []
        self._calls: dict[int, list[CallDelta]] = {}
        self._logprobs: list[answers.TokenLogprob] = []
        self._has_logprobs = False

    def add(self, event: Delta) -> None:
        self._texts.append(event.text)
        self._reasonings.append(event.reasoning)
        for call in event.tool_calls:
            self._calls.setdefault(call.index, []).append(call)
        if event.logprobs:
            self._has_logprobs = True
            self._logprobs += logprobs.chat(event.logprobs).content

    def choice(self) -> answers.ChatChoice:
        assert self.finished is not None
        text = "".join(self._texts)
        reasoning = "".join(self._reasonings)
        calls = [_whole_call(pieces) for _, pieces in sorted(self._calls.items())]
        message = answers.AnswerMessage(
            content=None if calls and not text else text,
            reasoning_content=reasoning or msgspec.UNSET,
            tool_calls=calls or msgspec.UNSET,
        )
        return answers.ChatChoice(
            self.finished.index,
            message,
            answers.Logprobs(self._logprobs) if self._has_logprobs else None,
            self.finished.reason,
        )


def _choices(event: Delta) -> list[answers.ChunkChoice]:
    """An event as one choice for each of its channels; log-probabilities go with the last."""
    deltas = []
    if event.reasoning:
        deltas.append(answers.MessageDelta(reasoning_content=event.reasoning))
    if event.text or (event.logprobs and not event.reasoning and not event.tool_calls):
        deltas.append(answers.MessageDelta(content=event.text))
    if event.tool_calls:
        deltas.append(answers.MessageDelta(tool_calls=[_call(call) for call in event.tool_calls]))
    choices = [answers.ChunkChoice(event.index, delta) for delta in deltas]
    if event.logprobs:
        last = msgspec.structs.replace(choices[-1], logprobs=logprobs.chat(event.logprobs))
        choices[-1] = last
    return choices


def _call(call: CallDelta) -> answers.ToolCallDelta:
    if call.id is None:
        return answers.ToolCallDelta(
            index=call.index, function=answers.FunctionDelta(call.arguments)
        )
    name = msgspec.UNSET if call.name is None else call.name
    return answers.ToolCallDelta(
        index=call.index,
        id=call.id,
        type="function",
        function=answers.FunctionDelta(call.arguments, name),
    )


def _whole_call(pieces: list[CallDelta]) -> answers.ToolCall:
    arguments = "".join(piece.arguments for piece in pieces)
    name = next((piece.name for piece in pieces if piece.name is not None), "")
    call_id = next((piece.id for piece in pieces if piece.id is not None), "")
    return answers.ToolCall(call_id, answers.Function(name, arguments))
