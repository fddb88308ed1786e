"""Turns recorded streams into figures. Knows nothing of sockets."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import NamedTuple

import msgspec

from benchmarks.sse import DONE, Timed, read_answer


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None
    reasoning_content: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Delta = _Delta()
    finish_reason: str | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int
    completion_tokens: int


class _Chunk(msgspec.Struct, frozen=True):
    choices: tuple[_Choice, ...] = ()
    usage: _Usage | None = None


_chunks = msgspec.json.Decoder(_Chunk)


class FailedStream(Exception):
    """A request was refused or did not end as a stream should."""


class Stream(NamedTuple):
    """One request as its client saw it; the times are seconds of one clock."""

    sent_s: float
    text_s: list[float]
    prompt_tokens: int
    completion_tokens: int
    text: str = ""

    @property
    def ttft_s(self) -> float:
        return self.text_s[0] - self.sent_s

    @property
    def gaps_s(self) -> list[float]:
        return [b - a for a, b in zip(self.text_s, self.text_s[1:], strict=False)]


def read_stream(sent_s: float, recorded: list[Timed]) -> Stream:
    """
    Raises:
        FailedStream: if it is no complete chat completion stream with usage and text.
    """
    status, events = read_answer(recorded)
    if status != 200:
        body = b"".join(data for _, data in events)
        raise FailedStream(f"status {status}: {body[:500].decode(errors='replace')}")
    text_s: list[float] = []
    texts: list[str] = []
    usage: _Usage | None = None
    for time, data in events:
        if data == DONE:
            break
        chunk = _chunks.decode(data)
        usage = chunk.usage or usage
        texts += [choice.delta.content or "" for choice in chunk.choices]
        if any(choice.delta.content or choice.delta.reasoning_content for choice in chunk.choices):
            text_s.append(time)
    else:
        raise FailedStream(f"the stream ended without [DONE] after {len(events)} events")
    if usage is None or not text_s:
        raise FailedStream(f"{len(text_s)} events with text, usage is {usage}")
    return Stream(sent_s, text_s, usage.prompt_tokens, usage.completion_tokens, "".join(texts))


@dataclass(frozen=True, slots=True)
class Run:
    """Streams that started together.

    `total_tokens_per_s` counts all tokens over the time from the first request to the last
    token, prefill included. `decode_tokens_per_s` counts those after each stream's first token,
    over the time from the moment when every stream had one (for one stream: its decode rate).
    """

    streams: int
    prompt_tokens: int
    completion_tokens: int
    wall_s: float
    total_tokens_per_s: float
    decode_tokens_per_s: float
    ttft_p50_ms: float
    ttft_p99_ms: float
    itl_p50_ms: float
    itl_p99_ms: float
    client_us_per_token: float


def summarise(streams: Sequence[Stream], *, client_cpu_s: float) -> Run:
    """`client_cpu_s` is what the driver itself used while the streams ran."""
    start = min(stream.sent_s for stream in streams)
    end = max(stream.text_s[-1] for stream in streams)
    all_decode = max(stream.text_s[0] for stream in streams)
    tokens = sum(stream.completion_tokens for stream in streams)
    late = sum(time > all_decode for stream in streams for time in stream.text_s)
    ttft = [stream.ttft_s for stream in streams]
    gaps = [gap for stream in streams for gap in stream.gaps_s] or [0.0]
    return Run(
        streams=len(streams),
        prompt_tokens=sum(stream.prompt_tokens for stream in streams),
        completion_tokens=tokens,
        wall_s=end - start,
        total_tokens_per_s=tokens / (end - start),
        decode_tokens_per_s=late / (end - all_decode) if late else 0.0,
        ttft_p50_ms=percentile(ttft, 50) * 1e3,
        ttft_p99_ms=percentile(ttft, 99) * 1e3,
        itl_p50_ms=percentile(gaps, 50) * 1e3,
        itl_p99_ms=percentile(gaps, 99) * 1e3,
        client_us_per_token=client_cpu_s / tokens * 1e6,
    )


def percentile(values: Sequence[float], percent: int) -> float:
    """Linear between neighbours; `percent` from 1 to 99."""
    if len(values) == 1:
        return values[0]
    return quantiles(values, n=100, method="inclusive")[percent - 1]
