"""The daemon's HTTP side, put together: application, management routes, listener."""

from collections.abc import Callable

from velocity_local.config.load import Loaded
from velocity_local.core.clock import Clock
from velocity_local.core.ids import IdSource
from velocity_local.core.release import RELEASE
from velocity_local.daemon.bind import reachable_host
from velocity_local.daemon.catalog.aliased import AliasedCatalog
from velocity_local.daemon.catalog.downloads.jobs import Downloads
from velocity_local.daemon.catalog.library import Library
from velocity_local.daemon.fleet.client import Fleet
from velocity_local.daemon.fleet.fitting import Fitting
from velocity_local.daemon.fleet.quantizing import Quantizations
from velocity_local.daemon.fleet.tuning.jobs import Tunings
from velocity_local.daemon.gateway.pipeline import Gateway
from velocity_local.daemon.server.access import Credentials
from velocity_local.daemon.server.admin.management import Listening, Management
from velocity_local.daemon.server.admin.ports import STATE_KEY, Services
from velocity_local.daemon.server.admin.routes import ROUTES
from velocity_local.daemon.server.listener import Listener
from velocity_local.daemon.server.litestar import create_app
from velocity_local.daemon.store.archive import Archive
from velocity_local.daemon.store.history import History
from velocity_local.daemon.telemetry.metrics import Metrics
from velocity_local.daemon.telemetry.monitor import Monitor
from velocity_local.daemon.telemetry.sampler import Sampler
from velocity_local.wire.http.admin import StatusAnswer


class Front:
    """Everything that speaks HTTP. `open` binds, `close` lets answers end."""

    def __init__(
        self,
        loaded: Loaded,
        *,
        credentials: Credentials,
        gateway: Gateway,
        metrics: Metrics,
        history: History,
        catalog: AliasedCatalog,
        downloads: Downloads,
        library: Library,
        quantizations: Quantizations,
        fleet: Fleet,
        fitting: Fitting,
        tunings: Tunings,
        sampler: Sampler,
        monitor: Monitor,
        clock: Clock,
        lost_log_records: Callable[[], int],
        shut_down: Callable[[], None],
    ) -> None:
        self._server, self._port = loaded.settings.server, loaded.settings.server.port
        self._management = Management(
            models=catalog,
            fleet=fleet,
            gateway=gateway,
            history=history,
            clock=clock,
            listening=self._listening,
            release=RELEASE,
            lost_log_records=lost_log_records,
            shutdown=shut_down,
        )
        services = Services(
            self._management,
            history,
            sampler,
            loaded,
            downloads,
            catalog.shelf,
            fleet,
            fitting,
            tunings,
            library,
            quantizations,
            monitor,
            Archive(history, clock=clock),
        )
        app = create_app(
            gateway,
            metrics,
            loaded.settings,
            credentials=credentials,
            clock=clock,
            ids=IdSource(clock),
            extra_routes=ROUTES,
            extra_state={STATE_KEY: services},
            sampling_of=lambda model: catalog.sampling(model, loaded.settings.sampling),
        )
        self._listener = Listener(app, self._server, loaded.settings.limits)

    async def open(self) -> str:
        """Accept connections; the base URL.

        Raises:
            OSError: if the address cannot be bound.
        """
        self._port = await self._listener.start()
        return self.base_url

    async def close(self, *, drain_s: float) -> None:
        await self._listener.stop(drain_s=drain_s)

    @property
    def port(self) -> int:
        return self._port

    @property
    def base_url(self) -> str:
        """The address to give to people, without `/v1`."""
        return f"http://{reachable_host(self._server.host)}:{self._port}"

    def status(self) -> StatusAnswer:
        return self._management.status()

    def _listening(self) -> Listening:
        return Listening(self._server.host, self._port, {"openai": f"{self.base_url}/v1"})
