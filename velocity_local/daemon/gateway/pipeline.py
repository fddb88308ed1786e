"""The way of every request through the daemon: resolve, admit, run, measure, record.

The row of a finished request is on disk before its last event is handed on, so an answer that a
client saw complete is never missing from the history.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec

from velocity_local.core.clock import Clock
from velocity_local.core.errors import ErrorInfo, UnsupportedField, VelocityError
from velocity_local.core.events import Event, Failed, Finished, Started
from velocity_local.core.history import RequestRow
from velocity_local.core.kv import KvState
from velocity_local.core.models import ModelEntry
from velocity_local.core.queueing import QueueState, QueueTerms
from velocity_local.core.requests import (
    DetokenizeRequest,
    EmbeddingRequest,
    GenerationRequest,
    KvRequest,
    Prompt,
    RenderRequest,
    TokenizeRequest,
)
from velocity_local.daemon.gateway.admission import Admission, Bounds, Place
from velocity_local.daemon.gateway.measure import Measurement, Origin, refused_row
from velocity_local.daemon.gateway.ports import (
    EventStream,
    Meter,
    Models,
    Recorder,
    Runner,
    StreamInfo,
)
from velocity_local.daemon.gateway.sizes import Size, Sizes
from velocity_local.wire.ipc.messages import Embedded, Tokenized

R = TypeVar("R", TokenizeRequest, DetokenizeRequest, RenderRequest)


class Gateway:
    """The one door between the server and everything that runs models."""

    def __init__(
        self,
        *,
        models: Models,
        runner: Runner,
        recorder: Recorder,
        meter: Meter,
        clock: Clock,
        bounds: Bounds,
        request_timeout_s: float,
        keep_text: bool,
    ) -> None:
        self._models = models
        self._runner = runner
        self._recorder = recorder
        self._meter = meter
        self._clock = clock
        self._request_timeout_s = request_timeout_s
        self._keep_text = keep_text
        self._admission = Admission(bounds, clock)
        self._sizes = Sizes()
        self._settling: set[asyncio.Task[None]] = set()

    async def models(self) -> Sequence[ModelEntry]:
        return await self._models.entries()

    async def model(self, name: str) -> ModelEntry:
        """The model of that name.

        Raises:
            ModelNotFound: telling near names.
            InvalidModel: its file is damaged or hostile.
        """
        return await self._models.resolve(name)

    def is_ready(self) -> tuple[bool, str]:
        return self._runner.readiness()

    @property
    def history_fault(self) -> str | None:
        """Why rows of finished requests are not on disk for now; None if all is well."""
        return self._recorder.degraded

    @property
    def waiting(self) -> int:
        return self._admission.waiting

    def queue(self) -> QueueState:
        """Who waits until a model begins with them."""
        return self._admission.state()

    @asynccontextmanager
    async def stream(
        self, request: GenerationRequest, origin: Origin
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """The request's events; leaving the context before the last one cancels it.

        Raises:
            VelocityError: if the request is refused before it runs.
        """
        run = _Run(self._measurement(request, origin), origin.places)
        try:
            entry = await self._models.resolve(request.model)
            run.measurement.model = entry
            self._enter(run, entry.id, request.queue, request.prompt)
            self._recorder.begin(run.measurement.row())
            async with self._runner.stream(self._bounded(request, entry)) as events:
                run.events = events
                yield self._events(run, events)
        except VelocityError as error:
            await self._settle(run, run.measurement.failed_row(error.info()))
            raise
        finally:
            run.leave()
            if not run.is_settled:
                self._settle_later(run)

    def refuse(self, request_id: str, origin: Origin, error: ErrorInfo) -> None:
        """Keep a row of a request that could not even be understood; nobody waits for it."""
        row = refused_row(request_id, origin, error, created_s=self._clock.wall_s())
        self._meter.observe(row, ())
        self._recorder.begin(row)

    async def embed(self, request: EmbeddingRequest, origin: Origin) -> Embedded:
        """Vectors for every input.

        Raises:
            VelocityError: if the request is refused or the model cannot embed.
        """
        run = _Run(self._measurement(_as_generation(request), origin), origin.places)
        try:
            entry = await self._models.resolve(request.model)
            run.measurement.model = entry
            _check_plain(entry)
            self._enter(run, entry.id, request.queue, *request.inputs)
            embedded = await self._runner.embed(msgspec.structs.replace(request, model=entry.id))
        except VelocityError as error:
            await self._settle(run, run.measurement.failed_row(error.info()))
            raise
        finally:
            run.leave()
        await self._settle(run, run.measurement.embedded_row(embedded.prompt_tokens))
        return embedded

    async def tokenize(self, request: TokenizeRequest) -> Tokenized:
        return await self._runner.tokenize(await self._resolved(request))

    async def detokenize(self, request: DetokenizeRequest) -> str:
        return await self._runner.detokenize(await self._resolved(request))

    async def render(self, request: RenderRequest) -> str:
        return await self._runner.render(await self._resolved(request))

    async def kv(self, request: KvRequest) -> KvState:
        """What the model keeps of earlier prompts, and where the request's parts from it."""
        entry = await self._models.resolve(request.model)
        asked = msgspec.structs.replace(request, model=entry.id, adapter=entry.adapter)
        return await self._runner.kv(asked)

    async def close(self) -> None:
        """Wait for rows that are still on their way."""
        await asyncio.gather(*self._settling)

    async def _resolved(self, request: R) -> R:
        entry = await self._models.resolve(request.model)
        return msgspec.structs.replace(request, model=entry.id)

    def _bounded(self, request: GenerationRequest, entry: ModelEntry) -> GenerationRequest:
        deadline_s = min(request.deadline_s or self._request_timeout_s, self._request_timeout_s)
        return msgspec.structs.replace(
            request, model=entry.id, adapter=entry.adapter, deadline_s=deadline_s
        )

    def _measurement(self, request: GenerationRequest, origin: Origin) -> Measurement:
        return Measurement(request, origin, clock=self._clock, keep_text=self._keep_text)

    async def _events(self, run: "_Run", events: EventStream) -> AsyncIterator[Event]:
        async for event in events:
            run.measurement.see(event)
            if isinstance(event, Started):
                self._start(run, event)
            elif isinstance(event, Finished | Failed) and run.measurement.has_ended:
                row = run.measurement.finished_row(run.info)
                run.note_wait(row)
                await self._settle(run, row)
            yield event

    def _enter(self, run: "_Run", model: str, terms: QueueTerms, *prompts: Prompt) -> None:
        """Take a place in the model's queue.

        Raises:
            CapacityError: if there is none, or it may not wait.
        """
        run.size = self._sizes.of(model, *prompts)
        run.place = self._admission.enter(model, terms, n_tokens=run.size.n_tokens)
        run.places.append(run.place)

    def _start(self, run: "_Run", started: Started) -> None:
        """The engine has begun: the place in the queue is free, and the prompt is counted."""
        entry = run.measurement.model
        if run.place is None or run.place.waited_s is not None or entry is None:
            return
        run.place.start()
        self._sizes.learn(entry.id, run.size, started.prompt_tokens)

    async def _settle(self, run: "_Run", row: RequestRow) -> None:
        if run.is_settled:
            return
        run.is_settled = True
        self._meter.observe(row, run.measurement.itl_ms)
        await self._recorder.record(row)

    def _settle_later(self, run: "_Run") -> None:
        """The client has gone: nobody waits for this row, and a cancelled task cannot."""
        row = run.measurement.cancelled_row(run.info)
        task = asyncio.create_task(self._settle(run, row))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)


class _Run:
    """One request under way: what it measures, its place in the queue, its end."""

    def __init__(self, measurement: Measurement, places: list[Place]) -> None:
        self.measurement = measurement
        self.places = places
        self.events: EventStream | None = None
        self.place: Place | None = None
        self.size = Size(0)
        self.is_settled = False

    @property
    def info(self) -> StreamInfo | None:
        return None if self.events is None else self.events.info

    def note_wait(self, row: RequestRow) -> None:
        """Once it has ended, what it waited is known without the step it began in."""
        if self.place is not None and self.place.waited_s is not None and row.queue_ms is not None:
            self.place.waited_s = ((row.load_ms or 0.0) + row.queue_ms) / 1000

    def leave(self) -> None:
        """The request is over, begun or not."""
        if self.place is not None:
            self.place.leave()


def _check_plain(entry: ModelEntry) -> None:
    if entry.adapter is not None:
        raise UnsupportedField(
            f"{entry.asked_id!r} is an adapter, and adapters are for text; ask {entry.id!r} for "
            "embeddings",
            param="model",
        )


def _as_generation(request: EmbeddingRequest) -> GenerationRequest:
    """An embedding request in the shape that history rows are made from."""
    return GenerationRequest(
        id=request.id, model=request.model, prompt=request.inputs[0], n=len(request.inputs)
    )
