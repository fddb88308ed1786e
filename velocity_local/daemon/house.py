"""The daemon's composition root: store → telemetry → catalog → fleet → gateway → server.

Model processes are started before the server's libraries are imported, so that both happen at
the same time.
"""

import asyncio
import errno
import gc
import logging
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from velocity_local.config.load import Loaded
from velocity_local.config.logs import Log
from velocity_local.config.paths import data_root
from velocity_local.config.runtime import DaemonRecord, write_record
from velocity_local.config.secrets import ApiKeys
from velocity_local.core.clock import SystemClock
from velocity_local.core.fit import Machine
from velocity_local.core.release import RELEASE
from velocity_local.daemon.catalog.adapters.registry import Registry
from velocity_local.daemon.catalog.adapters.shelf import AdapterShelf
from velocity_local.daemon.catalog.adopted import AdoptedFiles
from velocity_local.daemon.catalog.aliased import AliasedCatalog
from velocity_local.daemon.catalog.aliases import Aliases
from velocity_local.daemon.catalog.curated import Curated
from velocity_local.daemon.catalog.downloads.jobs import Downloads
from velocity_local.daemon.catalog.downloads.journal import Journal
from velocity_local.daemon.catalog.drafts import CatalogWithDrafts
from velocity_local.daemon.catalog.hub import Hub
from velocity_local.daemon.catalog.library import Library
from velocity_local.daemon.catalog.local import LocalCatalog
from velocity_local.daemon.exits import Exit, StartError
from velocity_local.daemon.fleet.client import Fleet
from velocity_local.daemon.fleet.environment import worker_environment
from velocity_local.daemon.fleet.fitting import Fitting
from velocity_local.daemon.fleet.hands import available_bytes
from velocity_local.daemon.fleet.machine import machine_of
from velocity_local.daemon.fleet.quantizing import Quantizations
from velocity_local.daemon.fleet.stays import Stays
from velocity_local.daemon.fleet.tiers import Tiers
from velocity_local.daemon.fleet.tuning.setup import tunings_of
from velocity_local.daemon.fleet.weighing import DryRuns
from velocity_local.daemon.gateway.admission import Bounds
from velocity_local.daemon.gateway.pipeline import Gateway
from velocity_local.daemon.store.database import DatabaseTooNew
from velocity_local.daemon.store.history import History
from velocity_local.daemon.telemetry.metrics import Metrics
from velocity_local.daemon.telemetry.monitor import Monitor, Worker
from velocity_local.daemon.telemetry.rows import RowsWithEnergy
from velocity_local.daemon.telemetry.sampler import Sampler
from velocity_local.wire.http.admin import StatusAnswer

if TYPE_CHECKING:
    from velocity_local.daemon.front import Front
    from velocity_local.daemon.server.access import Credentials

DEMO_FILE = "demo/velocity-demo-f16.gguf"
DRAIN_S = 10.0
_FORCED = 130

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Secrets:
    """What opens the API: the install token, and the digests of the API keys. `kv` makes the keys
    that authenticate computed prompts on disk.
    """

    token: str
    keys: ApiKeys
    kv: bytes


class House:
    """Everything the daemon is made of, built once and torn down in the reverse order."""

    def __init__(self, loaded: Loaded, secrets: Secrets, log: Log) -> None:
        settings, clock = loaded.settings, SystemClock()
        self._loaded = loaded
        self._secrets = secrets
        self._log = log
        self._clock = clock
        self._stop = asyncio.Event()
        self._front: Front | None = None
        self._adopted = AdoptedFiles(loaded.paths.adopted_file)
        self._aliases = Aliases(loaded.paths.aliases_file, clock=clock)
        self._catalog = self._new_catalog()
        self._shelf = self._new_shelf()
        self._names = AliasedCatalog(self._shelf, self._aliases)
        self._downloads = self._new_downloads()
        self._quantizations = self._new_quantizations()
        self._metrics = Metrics(
            release=RELEASE,
            is_known_model=self._names.knows,
            status=self._status,
            machine=lambda: self._monitor.last,
        )
        self._history = History(
            loaded.paths.database, clock=clock, observe_commit=self._metrics.observe_commit
        )
        self._tunings = tunings_of(
            loaded, models=self._names, fleet=lambda: self._fleet, clock=clock
        )
        self._sampler = Sampler(loaded.paths.data_dir)
        self._fitting = Fitting(
            models=self._names,
            machine=self._machine,
            default_options=self._tunings.policy.options,
            dry_runs=DryRuns(environment=worker_environment()),
            loads=self._history,
            clock=clock,
        )
        self._fleet = Fleet(
            settings.fleet,
            catalog=self._names,
            load_options=self._tunings.policy.options,
            log_folder=loaded.paths.worker_log_dir,
            clock=clock,
            note_load=self._fitting.note_load,
            place=self._fitting.placed,
            stays=Stays(settings.fleet.keep_alive_s, loaded.paths.stays_file),
            tiers=Tiers(settings.engine, loaded.paths.kv_dir, secrets.kv).of,
        )
        self._monitor = Monitor(
            self._sampler, loaded.paths.data_dir, workers=self._workers, clock=clock
        )
        self._gateway = Gateway(
            models=self._names,
            runner=self._fleet,
            recorder=RowsWithEnergy(self._history, self._monitor.energy, clock),
            meter=self._metrics,
            clock=clock,
            bounds=Bounds(settings.limits.queued_requests, settings.limits.queued_tokens),
            request_timeout_s=settings.limits.request_timeout_s,
            keep_text=settings.history.store_text,
        )

    async def live(self) -> None:
        """Serve until told to stop.

        Raises:
            StartError: if the address or the database cannot be had.
        """
        try:
            await self._history.open()
        except DatabaseTooNew as error:
            raise StartError(Exit.DATABASE_TOO_NEW, str(error)) from error
        try:
            await self._fleet.start()
            self._monitor.start()
            self._downloads.go_on()
            await self._serve()
        finally:
            await self._monitor.close()
            await self._tunings.close()
            await self._quantizations.close()
            await self._downloads.close()
            await self._fleet.stop(drain_s=0.0)
            await self._gateway.close()
            await self._history.close()

    async def _serve(self) -> None:
        from velocity_local.daemon.front import Front  # noqa: PLC0415 - while workers start

        front = self._front = Front(
            self._loaded,
            credentials=_credentials(self._secrets),
            gateway=self._gateway,
            metrics=self._metrics,
            history=self._history,
            catalog=self._names,
            downloads=self._downloads,
            library=self._new_library(),
            quantizations=self._quantizations,
            fleet=self._fleet,
            fitting=self._fitting,
            tunings=self._tunings,
            sampler=self._sampler,
            monitor=self._monitor,
            clock=self._clock,
            lost_log_records=lambda: self._log.lost_records,
            shut_down=self._stop.set,
        )
        try:
            await front.open()
        except OSError as error:
            raise _address_problem(error, self._loaded) from error
        self._catch_signals()
        self._announce(front)
        gc.enable()
        gc.freeze()
        try:
            await self._stop.wait()
            _log.info("stopping; answers may end within %g s", DRAIN_S)
        finally:
            self._loaded.paths.daemon_file.unlink(missing_ok=True)
            await front.close(drain_s=DRAIN_S)

    def _new_catalog(self) -> LocalCatalog:
        return LocalCatalog(
            self._loaded.paths.models_dir,
            demo=data_root() / DEMO_FILE,
            clock=self._clock,
            adopted=self._adopted.all,
            alias=self._aliases.model,
        )

    def _new_downloads(self) -> Downloads:
        return Downloads(
            self._loaded.paths.models_dir,
            hub=Hub(self._loaded.hub),
            clock=self._clock,
            refresh=self._catalog.refreshed,
            settings=self._loaded.settings.downloads,
            curated=Curated(data_root() / "catalog.toml"),
            journal=Journal(self._loaded.paths.downloads_file),
        )

    def _new_library(self) -> Library:
        return Library(
            self._loaded.paths.models_dir,
            stores=self._loaded.stores,
            catalog=self._catalog,
            adopted=self._adopted,
            in_use=self._in_use,
            downloading=self._downloads.files_under_way,
            aliases=self._aliases,
            clock=self._clock,
        )

    def _new_quantizations(self) -> Quantizations:
        return Quantizations(
            self._loaded.paths.models_dir,
            catalog=self._catalog,
            refresh=self._catalog.refreshed,
            environment=worker_environment(),
            clock=self._clock,
        )

    def _new_shelf(self) -> AdapterShelf:
        paths = self._loaded.paths
        return AdapterShelf(
            CatalogWithDrafts(self._catalog, self._loaded.settings.engine.drafts),
            Registry(paths.adapters_file),
            models=paths.models_dir,
            available_bytes=available_bytes,
            forget=self._forget_adapter,
        )

    def _forget_adapter(self, model: str, key: str) -> None:
        for status in self._fleet.status():
            if self._names.base(status.id) == model:
                self._fleet.forget_adapter(status.id, key)

    def _in_use(self) -> list[str]:
        """The models in memory by their own ids, also those loaded for an alias."""
        statuses = self._fleet.status()
        return [self._names.base(status.id) for status in statuses if status.pid is not None]

    def _workers(self) -> list[Worker]:
        return [Worker(each.id, each.pid, each.running) for each in self._fleet.status()]

    async def _machine(self) -> Machine:
        return machine_of(
            await self._sampler.sample(),
            headroom_bytes=self._loaded.settings.fleet.headroom_bytes,
            evictable_bytes=self._fleet.evictable_bytes(),
        )

    def _status(self) -> StatusAnswer:
        assert self._front is not None, "metrics are read over HTTP"
        return self._front.status()

    def _announce(self, front: "Front") -> None:
        record = DaemonRecord(
            pid=os.getpid(),
            host=self._loaded.settings.server.host,
            port=front.port,
            base_url=front.base_url,
            version=RELEASE,
            started_s=self._clock.wall_s(),
        )
        write_record(self._loaded.paths.daemon_file, record)
        _log.info("listening on %s", record.base_url)

    def _catch_signals(self) -> None:
        """The first signal stops in order, the second at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            if sys.platform == "win32":
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self._on_signal))
            else:
                loop.add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        if self._stop.is_set():
            os._exit(_FORCED)
        self._stop.set()


def _credentials(secrets: Secrets) -> "Credentials":
    from velocity_local.daemon.server import access  # noqa: PLC0415 - as Front

    callers = (
        (bytes.fromhex(key.sha256), access.Caller(key.name, key.priority))
        for key in secrets.keys.keys
    )
    return access.Credentials(access.digest(secrets.token), tuple(callers))


def _address_problem(error: OSError, loaded: Loaded) -> StartError:
    where = f"{loaded.settings.server.host}:{loaded.settings.server.port}"
    if error.errno == errno.EADDRINUSE:
        told = f"another program listens on {where}; stop it, or choose a port with --port"
        return StartError(Exit.ADDRESS_TAKEN, told)
    return StartError(Exit.FAILED, f"cannot listen on {where}: {error.strerror or error}")
