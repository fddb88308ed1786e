"""Drives an engine over the fake backend, and keeps what every sequence said."""

from collections.abc import Callable, Sequence

from velocity_local.core.clock import ManualClock
from velocity_local.core.errors import ErrorInfo
from velocity_local.core.models import LoadOptions, Speculation
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.backends.fake.model import FakeBackend
from velocity_local.worker.backends.fake.script import Babble, Script
from velocity_local.worker.engine.backend import Forward, Guesser, Span
from velocity_local.worker.engine.loop import Engine
from velocity_local.worker.engine.sequence import (
    Broken,
    Ended,
    Prefilling,
    SequenceEvent,
    SequenceKey,
    SequenceSpec,
    Token,
)
from velocity_local.worker.engine.speculation.guesser import DraftModel

PLAIN = SamplingParams()
ENDLESS = Script(reply=Babble(mean_tokens=10**9))
A, B, C = SequenceKey(1, 0), SequenceKey(2, 0), SequenceKey(3, 0)


class RecordingBackend(FakeBackend):
    """The fake, with the (slot, tokens) of every pass written down.

    `during_pass` stands for another thread; the next `n_full` passes find no room.
    """

    def __init__(self, script: Script, options: LoadOptions) -> None:
        super().__init__(script, options)
        self.passes: list[list[tuple[int, int]]] = []
        self.during_pass: Callable[[], None] | None = None
        self.n_full = 0
        self.own_heads: Guesser | None = None

    @property
    def heads(self) -> Guesser | None:
        return self.own_heads

    def forward(self, spans: Sequence[Span]) -> Forward:
        self.passes.append([(span.sequence, len(span.tokens)) for span in spans])
        if self.n_full:
            self.n_full -= 1
            return Forward.FULL
        if self.during_pass is not None:
            self.during_pass()
        return super().forward(spans)


class Driver:
    """An engine, its clock, and the story of each sequence."""

    def __init__(
        self,
        script: Script | None = None,
        *,
        n_ctx: int = 512,
        n_seq_max: int = 8,
        n_batch: int = 128,
        reserve_tokens: int = 16,
        state_bytes: int = 0,
        speculation: Speculation = "off",
        draft: Script | None = None,
        heads: Script | None = None,
    ) -> None:
        options = LoadOptions(backend="fake", n_ctx=n_ctx, n_seq_max=n_seq_max, n_batch=n_batch)
        self.backend = RecordingBackend(script or Script(reply=Babble()), options)
        self.clock = ManualClock()
        self.draft = None if draft is None else RecordingBackend(draft, options)
        self.heads = None if heads is None else RecordingBackend(heads, options)
        self.backend.own_heads = None if self.heads is None else DraftModel(self.heads)
        self.engine = Engine(
            self.backend,
            clock=self.clock,
            reserve_tokens=reserve_tokens,
            state_bytes=state_bytes,
            speculation=speculation,
            draft=self.draft,
        )
        self.events: dict[SequenceKey, list[SequenceEvent]] = {}

    def submit(self, *specs: SequenceSpec) -> None:
        for spec in specs:
            self.events.setdefault(spec.key, [])
        self.engine.submit(specs)

    def step(self) -> list[SequenceEvent]:
        events = self.engine.step()
        self.engine.check_integrity()
        for event in events:
            self.events[event.key].append(event)
        return events

    def run(self, *, at_most: int = 5000) -> None:
        """Step until nothing is left to do."""
        for _ in range(at_most):
            if not self.engine.has_work:
                return
            self.step()
        raise AssertionError("the engine does not come to an end")

    def tokens(self, key: SequenceKey) -> list[int]:
        return [event.sampled.token for event in self.events[key] if isinstance(event, Token)]

    def end(self, key: SequenceKey) -> Ended | Broken:
        """How the sequence ended, once it has: exactly one end, and nothing after it."""
        events = self.events[key]
        ends = [event for event in events if isinstance(event, Ended | Broken)]
        assert len(ends) == 1, f"{key} ended {len(ends)} times"
        assert events[-1] is ends[0], f"{key} had events after its end"
        return ends[0]

    def begin(self, key: SequenceKey) -> Prefilling:
        first = self.events[key][0]
        assert isinstance(first, Prefilling)
        return first


def spec(
    handle: int,
    prompt: str | tuple[int, ...] = "hello world, how are you",
    *,
    choice: int = 0,
    max_tokens: int = 20,
    sampling: SamplingParams = PLAIN,
    emitted: tuple[int, ...] = (),
    deadline_s: float | None = None,
    top_logprobs: int | None = None,
) -> SequenceSpec:
    tokens = tuple(prompt.encode()) if isinstance(prompt, str) else prompt
    return SequenceSpec(
        key=SequenceKey(handle, choice),
        prompt=tokens,
        sampling=sampling,
        max_tokens=max_tokens,
        top_logprobs=top_logprobs,
        emitted=emitted,
        deadline_s=deadline_s,
    )


def alone(spec: SequenceSpec, script: Script | None = None, *, n_ctx: int = 512) -> list[int]:
    """The tokens a sequence gets in an engine of its own."""
    driver = Driver(script, n_ctx=n_ctx)
    driver.submit(spec)
    driver.run()
    return driver.tokens(spec.key)


def kinds(driver: Driver, key: SequenceKey) -> list[type]:
    return [type(event) for event in driver.events[key]]


def broken(driver: Driver, key: SequenceKey) -> ErrorInfo:
    end = driver.end(key)
    assert isinstance(end, Broken)
    return end.error


def ended(driver: Driver, key: SequenceKey) -> Ended:
    end = driver.end(key)
    assert isinstance(end, Ended)
    return end
