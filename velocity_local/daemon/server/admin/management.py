"""The daemon's state gathered from those who own its parts: catalogue, fleet, gateway, history."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from velocity_local.core.clock import Clock
from velocity_local.core.models import ModelEntry
from velocity_local.core.queueing import QueueState
from velocity_local.daemon.fleet.status import ModelStatus
from velocity_local.daemon.fleet.stays import Stay
from velocity_local.daemon.gateway.ports import Models
from velocity_local.daemon.server.admin.ports import Fleet
from velocity_local.daemon.store.history import History
from velocity_local.daemon.telemetry.cpu import rss_bytes
from velocity_local.wire.http.admin import HistoryState, ModelItem, StatusAnswer, WorkerItem


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the API is. `base_urls` has one address for each dialect."""

    host: str
    port: int
    base_urls: dict[str, str]


class Door(Protocol):
    """What the gateway tells of itself."""

    @property
    def waiting(self) -> int: ...

    def queue(self) -> QueueState: ...

    def is_ready(self) -> tuple[bool, str]: ...


class Management:
    """Implements `ports.Admin`."""

    def __init__(
        self,
        *,
        models: Models,
        fleet: Fleet,
        gateway: Door,
        history: History,
        clock: Clock,
        listening: Callable[[], Listening],
        release: str,
        lost_log_records: Callable[[], int],
        shutdown: Callable[[], None],
    ) -> None:
        self._models = models
        self._fleet = fleet
        self._gateway = gateway
        self._history = history
        self._clock = clock
        self._listening = listening
        self._release = release
        self._lost_log_records = lost_log_records
        self._shutdown = shutdown
        self._started_s = clock.wall_s()
        self._started_monotonic_s = clock.monotonic_s()

    async def models(self) -> list[ModelItem]:
        entries = await self._models.entries()
        statuses = {status.id: status for status in self._fleet.status()}
        return [
            _model_item(entry, statuses.get(entry.id), self._fleet.stay(entry.id))
            for entry in entries
        ]

    async def model(self, name: str) -> ModelItem:
        return self._item(await self._models.resolve(name))

    async def load(self, name: str) -> ModelItem:
        entry = await self._models.resolve(name)
        await self._fleet.load(entry)
        return self._item(entry)

    async def unload(self, name: str) -> ModelItem:
        entry = await self._models.resolve(name)
        await self._fleet.unload(entry.id)
        return self._item(entry)

    async def pin(self, name: str, *, is_pinned: bool) -> ModelItem:
        entry = await self._models.resolve(name)
        self._fleet.pin(entry.id, is_pinned=is_pinned)
        return self._item(entry)

    async def keep_alive(self, name: str, keep_alive_s: float | None) -> ModelItem:
        entry = await self._models.resolve(name)
        await self._fleet.load(entry)
        self._fleet.keep_alive(entry.id, keep_alive_s)
        return self._item(entry)

    def status(self) -> StatusAnswer:
        is_ready, reason = self._gateway.is_ready()
        statuses = self._fleet.status()
        lost = self._lost_log_records()
        listening = self._listening()
        history = HistoryState(
            self._history.degraded, self._history.held_rows, self._history.lost_rows
        )
        return StatusAnswer(
            pid=os.getpid(),
            release=self._release,
            started_s=self._started_s,
            uptime_s=self._clock.monotonic_s() - self._started_monotonic_s,
            host=listening.host,
            port=listening.port,
            base_urls=listening.base_urls,
            is_ready=is_ready,
            not_ready_reason=reason,
            waiting=self._gateway.waiting,
            workers=tuple(_worker_item(status) for status in statuses),
            history=history,
            lost_log_records=lost,
            rss_bytes=rss_bytes(),
            degraded=tuple(_complaints(history, statuses, lost)),
            preloading=self._fleet.preloading,
            completion_tokens=sum(status.completion_tokens for status in statuses),
            queue=self._gateway.queue(),
        )

    def shutdown(self) -> None:
        self._shutdown()

    def _item(self, entry: ModelEntry) -> ModelItem:
        found = (status for status in self._fleet.status() if status.id == entry.id)
        return _model_item(entry, next(found, None), self._fleet.stay(entry.id))


def _complaints(
    history: HistoryState, statuses: Sequence[ModelStatus], lost_log_records: int
) -> Iterator[str]:
    """In words, what does not work as it should."""
    if history.degraded is not None:
        yield f"history is held in memory ({history.held_rows} rows): {history.degraded}"
    if history.lost_rows:
        yield f"{history.lost_rows} history rows were lost"
    if lost_log_records:
        yield f"{lost_log_records} log records were lost"
    for status in statuses:
        if status.state == "failed":
            yield f"model {status.id} failed: {status.last_error or 'no reason is known'}"


def _worker_item(status: ModelStatus) -> WorkerItem:
    return WorkerItem(
        model=status.id,
        state=status.state,
        pid=status.pid,
        started_s=status.started_s,
        restarts=status.restarts,
        resumes=status.resumes,
        running=status.running,
        waiting=status.waiting,
        pending=status.pending,
        used_cells=status.used_cells,
        cells=0 if status.loaded is None else status.loaded.n_cells,
        step_ms=status.step_ms,
        rss_bytes=status.rss_bytes,
        load_ms=status.load_ms,
        last_error=status.last_error,
        completion_tokens=status.completion_tokens,
        is_pinned=status.is_pinned,
        leaves_s=status.leaves_s,
    )


def _model_item(entry: ModelEntry, status: ModelStatus | None, stay: Stay) -> ModelItem:
    loaded = None if status is None else status.loaded
    return ModelItem(
        id=entry.id,
        name=entry.name,
        state="unloaded" if status is None else status.state,
        format=entry.format,
        architecture=entry.architecture,
        parameters=entry.parameters,
        quantization=entry.quantization,
        context_length=entry.context_length,
        size_bytes=entry.size_bytes,
        fingerprint=entry.fingerprint,
        path=entry.path,
        licence=entry.licence,
        has_chat_template=entry.has_chat_template,
        is_embedding=entry.is_embedding,
        created_s=entry.created_s,
        memory_bytes=None if loaded is None else loaded.memory_bytes,
        rss_bytes=None if status is None else status.rss_bytes,
        loaded=loaded,
        last_error=None if status is None else status.last_error,
        is_pinned=stay.is_pinned,
        keep_alive_s=stay.keep_alive_s,
        options=None if status is None or loaded is None else status.options,
        adapters=tuple(adapter.id for adapter in entry.adapters),
    )
