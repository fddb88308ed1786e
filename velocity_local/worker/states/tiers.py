"""Where cells go that leave the device, and where they come back from, for one model."""

from collections.abc import Callable

from velocity_local.core.clock import Clock
from velocity_local.core.kv import KvTiers
from velocity_local.worker.engine.backend import Capabilities
from velocity_local.worker.engine.sequence import SequenceSpec
from velocity_local.worker.engine.statecache import Kept
from velocity_local.worker.states.disk import StateDisk
from velocity_local.worker.states.files import Listed

# The daemon waits 5 s for a worker that is to end.
CLOSE_LIMIT_S = 3.0


class StateTiers:
    """Memory is the engine's own; here is what is behind it. Off for models that only embed."""

    def __init__(self, tiers: KvTiers, capabilities: Capabilities, clock: Clock) -> None:
        self.ram_bytes = tiers.ram_bytes if capabilities.can_generate else 0
        self._disk: StateDisk | None = None
        if tiers.has_disk and capabilities.can_generate:
            self._disk = StateDisk(
                tiers,
                capabilities.state_format,
                has_parts=capabilities.can_copy_part,
                clock=clock,
            )

    def start(self, deliver: Callable[[list[Kept]], None]) -> None:
        """List what is on disk, beside whatever else is done, and deliver the newest of it."""
        if self._disk is not None:
            self._disk.start(deliver)

    def fetch(self, spec: SequenceSpec) -> tuple[Kept, ...]:
        """What is on disk, and not yet in memory, of a sequence's beginning. Any thread may."""
        if self._disk is None:
            return ()
        return tuple(self._disk.fetch([*spec.prompt, *spec.emitted], spec.adapter))

    @property
    def waiting_bytes(self) -> int:
        """What has left memory's tier and waits to be written."""
        return 0 if self._disk is None else self._disk.waiting_bytes

    def on_disk(self) -> list[Listed]:
        return [] if self._disk is None else self._disk.entries()

    def reach(self, tokens: list[int], space: str) -> int:
        """How many of a prompt's first tokens are on disk."""
        return 0 if self._disk is None else self._disk.reach(tokens[:-1], space)

    def forget(self) -> None:
        """Remove what is on disk."""
        if self._disk is not None:
            self._disk.clear()

    def on_drop(self, kept: Kept) -> None:
        """Memory has no room for these cells."""
        if self._disk is not None:
            self._disk.offer(kept)

    def close(self, saved: tuple[Kept, ...]) -> None:
        """Write what is in memory, as far as a worker's last seconds go."""
        if self._disk is not None:
            self._disk.close(saved, limit_s=CLOSE_LIMIT_S)
