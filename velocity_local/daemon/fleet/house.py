"""The states of a model, and what a keeper asks of whoever shares memory among keepers."""

from enum import Enum
from typing import Protocol, TypeVar

from velocity_local.core.models import LoadOptions, ModelState
from velocity_local.wire.ipc.messages import Loaded


class State(Enum):
    """`QUEUED` waits for room; `BACKOFF` waits for its next start, and its place is kept."""

    UNLOADED = "unloaded"
    QUEUED = "queued"
    LOADING = "loading"
    READY = "ready"
    BACKOFF = "backoff"
    UNLOADING = "unloading"
    FAILED = "failed"

    @property
    def public(self) -> ModelState:
        return _PUBLIC[self]


_PUBLIC: dict[State, ModelState] = {
    State.UNLOADED: "unloaded",
    State.QUEUED: "loading",
    State.LOADING: "loading",
    State.READY: "ready",
    State.BACKOFF: "loading",
    State.UNLOADING: "unloading",
    State.FAILED: "failed",
}
K_contra = TypeVar("K_contra", contravariant=True)


class House(Protocol[K_contra]):
    """Shares the machine's memory among keepers `K_contra`."""

    def next_worker_id(self, keeper: K_contra) -> int: ...

    def request_room(self, keeper: K_contra) -> None:
        """Answered by `start` or `refuse`, not before this returns."""
        ...

    def on_room_changed(self) -> None:
        """A model became idle, or is gone."""
        ...

    def on_saved(self) -> None:
        """A model keeps more, or less, of what it has computed."""
        ...

    def on_loaded(self, keeper: K_contra, loaded: Loaded) -> None: ...

    def smaller(self, keeper: K_contra) -> LoadOptions | None:
        """It ran out of memory: what to try instead, if there is anything; asked once a load."""
        ...

    def on_given_up(self, keeper: K_contra, reason: str) -> None:
        """Its process died too often: nobody starts it again for a while."""
        ...

    def on_idle_for(self, keeper: K_contra, idle_s: float) -> None:
        """Nobody wanted it for as long as it was to be kept: it goes."""
        ...
