"""Core events as the completions API's answer. The choices of prompt i are i·n to i·n + n - 1."""

import msgspec

from velocity_local.core.clock import Clock
from velocity_local.core.events import Delta, Event, Finished
from velocity_local.daemon.server.openai.answer import Head, UsageTally
from velocity_local.daemon.server.openai.logprobs import LegacyBuilder
from velocity_local.daemon.server.openai.obfuscation import padding
from velocity_local.daemon.server.openai.timings import TokenTimes
from velocity_local.daemon.server.sse import event_bytes
from velocity_local.wire.http import openai_answers as answers

_MARK = "text"
_encoder = msgspec.json.Encoder()
_encode = _encoder.encode


class TextStream:
    """Renders one streamed answer to one or several prompts."""

    def __init__(
        self,
        head: Head,
        n: int,
        prompts: int,
        *,
        has_usage: bool = False,
        is_obfuscated: bool = False,
        timed_by: Clock | None = None,
    ) -> None:
        self._head = head
        self._times = (
            [TokenTimes(timed_by) for _ in range(n * prompts)] if timed_by is not None else None
        )
        self._n = n
        self._has_usage = has_usage
        self._is_obfuscated = is_obfuscated
        self._usage = UsageTally()
        self._logprobs = [LegacyBuilder() for _ in range(n * prompts)]
        self._texts = [self._around(index) for index in range(n * prompts)]

    def event(self, prompt_index: int, event: Event) -> bytes:
        """Chunks for an event; none if there is nothing to show."""
        index = prompt_index * self._n + event.index
        if self._times is not None:
            self._times[index].see(event)
        match event:
            case Delta():
                return self._delta(index, event)
            case Finished():
                self._usage.add(event.usage, prompt_index)
                return self._chunk(answers.CompletionChoice("", index, None, event.reason))
            case _:
                return b""

    def end(self) -> bytes:
        """What follows the last choice's end."""
        if not self._has_usage:
            return b""
        return event_bytes(_encode(_enveloped(self._head, [], usage=self._usage.total())))

    def _delta(self, index: int, event: Delta) -> bytes:
        if event.logprobs or self._is_obfuscated or self._times is not None:
            return self._slow_delta(index, event)
        if not event.text:
            return b""
        before, after = self._texts[index]
        return before + _encode(event.text) + after

    def _slow_delta(self, index: int, event: Delta) -> bytes:
        if not event.text and not event.logprobs:
            return b""
        built = self._logprobs[index].build(event.logprobs) if event.logprobs else None
        return self._chunk(answers.CompletionChoice(event.text, index, built, None))

    def _chunk(self, choice: answers.CompletionChoice) -> bytes:
        chunk = _enveloped(self._head, [choice], usage=None if self._has_usage else msgspec.UNSET)
        if self._is_obfuscated:
            pad = padding(len(_encode(choice)))
            chunk = msgspec.structs.replace(chunk, obfuscation=pad)
        if self._times is not None:
            timings = self._times[choice.index].timings()
            chunk = msgspec.structs.replace(chunk, timings=timings)
        return event_bytes(_encode(chunk))

    def _around(self, index: int) -> tuple[bytes, bytes]:
        """A chunk's bytes before and after its text."""
        choice = answers.CompletionChoice(_MARK, index, None, None)
        chunk = _enveloped(self._head, [choice], usage=None if self._has_usage else msgspec.UNSET)
        before, _, after = event_bytes(_encode(chunk)).rpartition(b":" + _encode(_MARK))
        return before + b":", after


class TextAnswer:
    """Gathers one answer that is sent whole."""

    def __init__(self, n: int, prompts: int) -> None:
        self._n = n
        self._usage = UsageTally()
        self._texts: list[list[str]] = [[] for _ in range(n * prompts)]
        self._deltas: list[list[Delta]] = [[] for _ in range(n * prompts)]
        self._finished: dict[int, Finished] = {}

    def delta(self, prompt_index: int, event: Delta) -> None:
        index = prompt_index * self._n + event.index
        self._texts[index].append(event.text)
        if event.logprobs:
            self._deltas[index].append(event)

    def finish(self, prompt_index: int, event: Finished) -> None:
        self._usage.add(event.usage, prompt_index)
        self._finished[prompt_index * self._n + event.index] = event

    def body(self, head: Head) -> bytes:
        """The answer, once every choice has finished."""
        choices = [self._choice(index) for index in range(len(self._texts))]
        return _encode(_enveloped(head, choices, usage=self._usage.total()))

    def _choice(self, index: int) -> answers.CompletionChoice:
        tokens = [token for event in self._deltas[index] for token in event.logprobs]
        return answers.CompletionChoice(
            "".join(self._texts[index]),
            index,
            LegacyBuilder().build(tokens) if tokens else None,
            self._finished[index].reason,
        )


def _enveloped(
    head: Head,
    choices: list[answers.CompletionChoice],
    usage: answers.Usage | msgspec.UnsetType | None,
) -> answers.Completion:
    return answers.Completion(
        id=head.id,
        created=head.created,
        model=head.model,
        system_fingerprint=head.fingerprint,
        choices=choices,
        usage=usage,
    )
