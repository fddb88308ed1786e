"""A fleet with real worker processes: scripted models through the real worker, or the demo."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from velocity_local.config.settings import FleetSettings
from velocity_local.core.clock import SystemClock
from velocity_local.core.errors import ErrorInfo, ModelNotFound
from velocity_local.core.events import Delta, Event, Failed, Finished
from velocity_local.core.kv import NO_TIERS, KvTiers
from velocity_local.core.models import LoadOptions, ModelEntry, Speculation
from velocity_local.core.requests import GenerationRequest, TextPrompt
from velocity_local.core.sampling import SamplingParams
from velocity_local.daemon.fleet.client import Fleet
from velocity_local.daemon.fleet.status import ModelStatus
from velocity_local.worker.backends.fake.script import Script

DEMO_FILE = Path(__file__).parents[3] / "models" / "demo" / "velocity-demo-f16.gguf"
WAIT_S = 60.0
SETTINGS = FleetSettings(preload=(), restart_delay_s=0.01)


class Shelf:
    """A catalog of what it was given."""

    def __init__(self, entries: Mapping[str, ModelEntry]) -> None:
        self._entries = entries

    async def resolve(self, name: str) -> ModelEntry:
        if name not in self._entries:
            raise ModelNotFound(f"no model {name}")
        return self._entries[name]

    def is_current(self, entry: ModelEntry) -> bool:
        return self._entries[entry.id] == entry


def entry(name: str, path: Path) -> ModelEntry:
    return ModelEntry(
        id=name,
        path=str(path),
        format="gguf",
        size_bytes=1,
        fingerprint=f"print of {name}",
        created_s=0,
    )


@asynccontextmanager
async def scripted_fleet(
    folder: Path,
    scripts: Mapping[str, Script],
    *,
    settings: FleetSettings = SETTINGS,
    n_seq_max: int = 64,
    kv: KvTiers = NO_TIERS,
    speculation: Speculation = "auto",
    has_draft: bool = False,
) -> AsyncIterator[Fleet]:
    """Models that follow scripts, by name; with `has_draft` each has itself as draft model."""
    for name, script in scripts.items():
        (folder / f"{name}.json").write_bytes(msgspec.json.encode(script))

    def options(entry: ModelEntry) -> LoadOptions:
        script = str(folder / f"{entry.id}.json")
        return LoadOptions(
            backend="fake",
            backend_script=script,
            n_seq_max=n_seq_max,
            speculation=speculation,
            draft_path="itself" if has_draft else None,
        )

    entries = {name: entry(name, folder / name) for name in scripts}
    fleet = Fleet(
        settings,
        catalog=Shelf(entries),
        load_options=options,
        log_folder=folder / "logs",
        clock=SystemClock(),
        tiers=lambda _: kv,
    )
    async with _ended(fleet):
        yield fleet


@asynccontextmanager
async def demo_fleet(
    folder: Path,
    *,
    settings: FleetSettings = SETTINGS,
    kv: KvTiers = NO_TIERS,
    speculation: Speculation = "auto",
    has_draft: bool = False,
) -> AsyncIterator[Fleet]:
    """The model that is shipped; with `has_draft` it guesses for itself."""
    options = LoadOptions(
        n_ctx=4096,
        n_threads=1,
        speculation=speculation,
        draft_path=str(DEMO_FILE) if has_draft else None,
    )
    fleet = Fleet(
        settings,
        catalog=Shelf({"demo": entry("demo", DEMO_FILE)}),
        load_options=lambda _: options,
        log_folder=folder / "logs",
        clock=SystemClock(),
        tiers=lambda _: kv,
    )
    async with _ended(fleet):
        yield fleet


@asynccontextmanager
async def _ended(fleet: Fleet) -> AsyncIterator[None]:
    """Every test ends with no process left."""
    try:
        yield
    finally:
        pids = [status.pid for status in fleet.status() if status.pid is not None]
        await fleet.stop(drain_s=0.0)
        assert not [pid for pid in pids if is_alive(pid)]


@dataclass
class Heard:
    """What one caller heard of a stream."""

    events: list[Event] = field(default_factory=list)
    count: int = 0
    resumes: int = 0
    load_ms: float = 0.0
    grew: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Delta):
            self.count += len(event.tokens)
        self.grew.set()

    @property
    def is_over(self) -> bool:
        return bool(self.events) and isinstance(self.events[-1], Finished | Failed)

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Delta))

    @property
    def tokens(self) -> list[int]:
        deltas = [event for event in self.events if isinstance(event, Delta)]
        return [token for delta in deltas for token in delta.tokens]

    @property
    def finished(self) -> Finished:
        last = self.events[-1]
        assert isinstance(last, Finished), last
        return last

    @property
    def error(self) -> ErrorInfo:
        last = self.events[-1]
        assert isinstance(last, Failed), last
        return last.error

    async def reaches(self, tokens: int) -> None:
        """Wait until that many tokens have come."""
        while self.count < tokens:
            self.grew.clear()
            await self.grew.wait()


def generation(
    prompt: str, *, model: str = "m", max_tokens: int | None = None
) -> GenerationRequest:
    return GenerationRequest(
        id=prompt,
        model=model,
        prompt=TextPrompt(prompt),
        max_tokens=max_tokens,
        sampling=SamplingParams(temperature=0.0),
    )


async def listen(fleet: Fleet, request: GenerationRequest, heard: Heard | None = None) -> Heard:
    """The whole stream."""
    heard = Heard() if heard is None else heard
    async with fleet.stream(request) as events:
        async for event in events:
            heard.hear(event)
    heard.resumes, heard.load_ms = events.info.resumes, events.info.load_ms
    return heard


def status_of(fleet: Fleet, model: str = "m") -> ModelStatus:
    return next(status for status in fleet.status() if status.id == model)


async def wait_for_state(fleet: Fleet, state: str, model: str = "m") -> ModelStatus:
    await until(lambda: status_of(fleet, model).state == state)
    return status_of(fleet, model)


async def until(is_so: Callable[[], bool]) -> None:
    """Look again and again, where no event tells of it."""
    async with asyncio.timeout(WAIT_S):
        while not is_so():  # noqa: ASYNC110 - what is waited for sets no event of ours
            await asyncio.sleep(0.01)


async def kill(fleet: Fleet, model: str = "m", number: int = signal.SIGTERM) -> int:
    """Signal a ready worker; its process id."""
    status = await wait_for_state(fleet, "ready", model)
    assert status.pid is not None
    os.kill(status.pid, number)
    return status.pid


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
