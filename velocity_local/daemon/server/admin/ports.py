"""What the management routes need of the daemon, and how they find it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from velocity_local.config.load import Loaded
from velocity_local.core.fit import Fit, FitAsk
from velocity_local.core.kv import KvState
from velocity_local.core.models import LoadOptions, ModelEntry
from velocity_local.core.notices import Notice
from velocity_local.core.requests import KvRequest
from velocity_local.daemon.catalog.adapters.shelf import AdapterShelf
from velocity_local.daemon.catalog.downloads.jobs import Downloads
from velocity_local.daemon.catalog.library import Library
from velocity_local.daemon.fleet.quantizing import Quantizations
from velocity_local.daemon.fleet.status import ModelStatus
from velocity_local.daemon.fleet.stays import Stay
from velocity_local.daemon.fleet.tuning.jobs import Tunings
from velocity_local.daemon.server.context import AnyRequest
from velocity_local.daemon.store.archive import Archive
from velocity_local.daemon.store.history import History
from velocity_local.daemon.telemetry.monitor import Monitor
from velocity_local.daemon.telemetry.sampler import Sampler
from velocity_local.wire.http.admin import ModelItem, StatusAnswer

STATE_KEY = "admin"


class Fleet(Protocol):
    """The processes of the models."""

    def status(self) -> Sequence[ModelStatus]:
        """Every model that was asked for since the start."""
        ...

    @property
    def preloading(self) -> tuple[str, ...]:
        """Models wanted at the start that are neither ready nor failed yet."""
        ...

    async def load(self, entry: ModelEntry) -> None:
        """Return once the model can answer.

        Raises:
            VelocityError: if it cannot be loaded.
        """
        ...

    async def unload(self, model: str) -> None:
        """Return once its process has ended; a model that is not loaded is fine."""
        ...

    def pin(self, model: str, *, is_pinned: bool) -> None:
        """Whether it stays loaded whatever else is wanted."""
        ...

    def keep_alive(self, model: str, keep_alive_s: float | None) -> None:
        """How long it stays while nobody uses it; None for ever."""
        ...

    def stay(self, model: str) -> Stay:
        """What was said of it, or what the settings say."""
        ...

    async def kv(self, request: KvRequest) -> KvState:
        """What a model keeps of earlier prompts; it is loaded if it is not."""
        ...

    def notices(self, after: int) -> Sequence[Notice]:
        """What was done with models unasked, after that number."""
        ...


class Fitting(Protocol):
    """Whether models fit."""

    async def fit(self, name: str, change: Callable[[LoadOptions], LoadOptions]) -> Fit:
        """The verdict for a model, loaded with `change` of the usual options.

        Raises:
            ModelNotFound: telling near names.
            InvalidModel: its file is damaged.
        """
        ...

    async def fit_size(self, size_bytes: int, parameters: int, ask: FitAsk) -> Fit:
        """The verdict for a model that is not here yet."""
        ...


class Admin(Protocol):
    """The daemon as its owner sees it. Names are resolved as in requests.

    Every method that takes a name raises `ModelNotFound`, telling near ones.
    """

    async def models(self) -> list[ModelItem]: ...

    async def model(self, name: str) -> ModelItem: ...

    async def load(self, name: str) -> ModelItem: ...

    async def unload(self, name: str) -> ModelItem: ...

    async def pin(self, name: str, *, is_pinned: bool) -> ModelItem: ...

    async def keep_alive(self, name: str, keep_alive_s: float | None) -> ModelItem:
        """A model that is not loaded is loaded first."""
        ...

    def status(self) -> StatusAnswer: ...

    def shutdown(self) -> None:
        """Begin to end; returns at once."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes find in the application's state under `STATE_KEY`."""

    admin: Admin
    history: History
    sampler: Sampler
    config: Loaded
    downloads: Downloads
    adapters: AdapterShelf
    fleet: Fleet
    fitting: Fitting
    tunings: Tunings
    library: Library
    quantizations: Quantizations
    monitor: Monitor
    archive: Archive


def services_of(request: AnyRequest) -> Services:
    services = request.app.state[STATE_KEY]
    assert isinstance(services, Services)
    return services
