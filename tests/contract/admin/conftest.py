"""A real server with a real history behind the management API; only the models are scripted."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.hub import LocalHub, local_hub
from tests.support.scripted import DEMO, NESTED, TOKEN, Stage
from tests.support.sockets import listening
from velocity_local.config.hub import HubAccess
from velocity_local.config.load import load
from velocity_local.config.paths import data_root
from velocity_local.core.clock import ManualClock
from velocity_local.core.errors import ModelFailed, ModelNotFound
from velocity_local.core.fit import Device, Machine
from velocity_local.core.kv import KvEntry, KvState
from velocity_local.core.models import LoadedModel, LoadOptions, ModelEntry
from velocity_local.core.notices import Notice
from velocity_local.core.requests import KvRequest
from velocity_local.daemon.catalog.adapters.registry import Registry
from velocity_local.daemon.catalog.adapters.shelf import AdapterShelf
from velocity_local.daemon.catalog.adopted import AdoptedFiles
from velocity_local.daemon.catalog.aliases import Aliases
from velocity_local.daemon.catalog.curated import Curated
from velocity_local.daemon.catalog.downloads.jobs import Downloads
from velocity_local.daemon.catalog.downloads.journal import Journal
from velocity_local.daemon.catalog.hub import Hub
from velocity_local.daemon.catalog.library import Library
from velocity_local.daemon.catalog.local import LocalCatalog
from velocity_local.daemon.catalog.tuned import TunedStore
from velocity_local.daemon.fleet.diary import Diary
from velocity_local.daemon.fleet.environment import worker_environment
from velocity_local.daemon.fleet.fitting import Fitting
from velocity_local.daemon.fleet.quantizing import Quantizations
from velocity_local.daemon.fleet.status import ModelStatus
from velocity_local.daemon.fleet.stays import Stay, Stays
from velocity_local.daemon.fleet.tuning.setup import tunings_of
from velocity_local.daemon.fleet.weighing import DryRuns
from velocity_local.daemon.server.admin.management import Listening, Management
from velocity_local.daemon.server.admin.ports import STATE_KEY, Services
from velocity_local.daemon.server.admin.routes import ROUTES
from velocity_local.daemon.store.archive import Archive
from velocity_local.daemon.store.history import History
from velocity_local.daemon.telemetry.driver import Driver
from velocity_local.daemon.telemetry.found import Found
from velocity_local.daemon.telemetry.monitor import Monitor
from velocity_local.daemon.telemetry.sampler import Sampler

LOADED = LoadedModel(
    n_vocab=512, n_ctx=2048, n_cells=2048, n_ctx_train=2048, n_embd=64, n_seq_max=4, n_threads=2,
    can_generate=True, can_embed=False, has_chat_template=True, pooling="none", device="CPU",
    description="tiny", load_ms=5.0, memory_bytes=4096, kv_bytes_per_token=64,
)  # fmt: skip


class Catalogue:
    """Two models, one with slashes in its name; a test may add some."""

    def __init__(self) -> None:
        self.found = [DEMO, NESTED]

    async def entries(self) -> tuple[ModelEntry, ...]:
        return tuple(self.found)

    async def resolve(self, name: str) -> ModelEntry:
        for entry in self.found:
            if entry.id == name:
                return entry
        raise ModelNotFound(f"no model {name!r}; near: demo", param="model")

    def knows(self, identifier: str) -> bool:
        return any(entry.id == identifier for entry in self.found)

    def is_current(self, entry: ModelEntry) -> bool:
        return entry in self.found


class ScriptedFleet:
    """Loads at once; a model named in `broken` fails."""

    def __init__(self) -> None:
        self.statuses: dict[str, ModelStatus] = {}
        self.busy = 0
        self.broken: set[str] = set()
        self.stays = Stays(None)
        self.diary = Diary(ManualClock())

    def status(self) -> Sequence[ModelStatus]:
        return list(self.statuses.values())

    async def load(self, entry: ModelEntry) -> None:
        if entry.id in self.broken:
            self.statuses[entry.id] = ModelStatus(
                entry.id, "failed", entry.fingerprint, last_error="no memory"
            )
            raise ModelFailed(f"{entry.id} does not start: no memory", retry_after_s=300.0)
        self.statuses[entry.id] = ModelStatus(
            entry.id, "ready", entry.fingerprint, pid=4711, restarts=1, running=2, waiting=1,
            pending=1, used_cells=99, step_ms=1.5, rss_bytes=5000, loaded=LOADED, load_ms=5.0,
        )  # fmt: skip

    @property
    def preloading(self) -> tuple[str, ...]:
        return ()

    async def unload(self, model: str) -> None:
        if model in self.statuses:
            self.statuses[model] = ModelStatus(model, "unloaded", "f")

    def pin(self, model: str, *, is_pinned: bool) -> None:
        self.stays.pin(model, is_pinned=is_pinned)

    def keep_alive(self, model: str, keep_alive_s: float | None) -> None:
        self.stays.keep_alive(model, keep_alive_s)

    def stay(self, model: str) -> Stay:
        return self.stays.of(model)

    async def kv(self, request: KvRequest) -> KvState:
        assert request.prompt is None
        if request.forget:
            return KvState((), 0, 2000)
        return KvState((KvEntry("memory", 40, 8, 1000, "", False, "Once"),), 1000, 2000)

    def notices(self, after: int) -> Sequence[Notice]:
        return self.diary.since(after)


@dataclass
class Daemon:
    """What a test may look at and change."""

    http: httpx.AsyncClient
    history: History
    fleet: ScriptedFleet
    clock: ManualClock
    home: Path
    downloads: Downloads
    catalogue: Catalogue
    forgotten: list[tuple[str, str]]
    fitting: Fitting
    monitor: Monitor
    tuned: TunedStore
    stops: list[str] = field(default_factory=list)

    async def tuning_ended(self, identifier: str) -> dict[str, Any]:
        """The measurement once it is over."""
        path = f"/tunings/{identifier}"
        async with asyncio.timeout(60):
            while (now := (await self.get(path)).json())["state"] == "running":  # noqa: ASYNC110 - it is over the wire
                await asyncio.sleep(0.02)
        return dict(now)

    async def get(self, path: str, **query: object) -> httpx.Response:
        return await self.http.get(f"/api/v1{path}", params=query or None)  # type: ignore[arg-type]  # httpx checks


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with local_hub() as running:
        yield running


async def _no_refresh() -> None:
    """The catalogue here is scripted."""


async def _small_machine() -> Machine:
    return Machine(Device("memory", 2 * 1024**3, 1024**3))


@pytest.fixture
async def daemon(tmp_path: Path, hub: LocalHub) -> AsyncIterator[Daemon]:
    config = load(environ={"VELOCITY_HOME": str(tmp_path), "VELOCITY_SERVER_PORT": "0"})
    config.paths.create()
    clock = ManualClock()
    history = History(config.paths.database, clock=clock)
    await history.open()
    stage, fleet, stops = Stage(), ScriptedFleet(), list[str]()
    catalogue, forgotten = Catalogue(), list[tuple[str, str]]()
    shelf = AdapterShelf(
        catalogue,
        Registry(config.paths.adapters_file),
        models=config.paths.models_dir,
        available_bytes=lambda: 2**20,
        forget=lambda model, key: forgotten.append((model, key)),
    )
    management = Management(
        models=shelf,
        fleet=fleet,
        gateway=stage.gateway,
        history=history,
        clock=clock,
        listening=lambda: Listening("127.0.0.1", 8621, {"openai": "http://127.0.0.1:8621/v1"}),
        release="0.1.0",
        lost_log_records=lambda: 0,
        shutdown=lambda: stops.append("now"),
    )
    sampler = Sampler(tmp_path, drivers=[Driver("x", lambda: Found(reason="no NVIDIA driver"))])
    downloads = Downloads(
        config.paths.models_dir,
        hub=Hub(HubAccess(hub.url)),
        clock=clock,
        refresh=_no_refresh,
        settings=config.settings.downloads,
        curated=Curated(data_root() / "catalog.toml"),
        journal=Journal(config.paths.downloads_file),
        check_address=lambda _: None,
    )
    fitting = Fitting(
        models=shelf,
        machine=_small_machine,
        default_options=lambda _: LoadOptions(),
        dry_runs=DryRuns(environment=worker_environment()),
        loads=history,
        clock=clock,
    )
    tunings = tunings_of(config, models=catalogue, fleet=lambda: fleet, clock=clock)
    monitor = Monitor(sampler, tmp_path, workers=list, clock=clock, powercap=tmp_path / "none")
    library = Library(
        config.paths.models_dir,
        stores=config.stores,
        catalog=LocalCatalog(config.paths.models_dir, demo=None, clock=clock),
        adopted=AdoptedFiles(config.paths.adopted_file),
        in_use=list,
        downloading=downloads.files_under_way,
        aliases=Aliases(config.paths.aliases_file, clock=clock),
        clock=clock,
    )
    services = Services(
        management,
        history,
        sampler,
        config,
        downloads,
        shelf,
        fleet,
        fitting,
        tunings,
        monitor=monitor,
        library=library,
        quantizations=Quantizations(
            config.paths.models_dir,
            catalog=catalogue,
            refresh=_no_refresh,
            environment=worker_environment(),
            clock=clock,
        ),
        archive=Archive(history, clock=clock),
    )
    app = stage.app(extra_routes=ROUTES, extra_state={STATE_KEY: services})
    async with (
        listening(app) as port,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {TOKEN}"}
        ) as http,
    ):
        yield Daemon(
            http,
            history,
            fleet,
            clock,
            tmp_path,
            downloads,
            catalogue,
            forgotten,
            fitting,
            monitor,
            tunings.store,
            stops,
        )
    await tunings.close()
    await downloads.close()
    await history.close()
