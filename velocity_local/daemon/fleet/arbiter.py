"""Decides who gets memory: the planner's answer, what nobody asked for made smaller before a model
is refused, and every decision in words.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from velocity_local.config.settings import FleetSettings
from velocity_local.core.errors import ErrorInfo, OutOfMemory
from velocity_local.core.models import LoadedModel, LoadOptions, ModelEntry
from velocity_local.daemon.fleet.diary import Diary
from velocity_local.daemon.fleet.economies import described, economies
from velocity_local.daemon.fleet.ledger import Ledger
from velocity_local.daemon.fleet.planner import LoadPlan, Refuse, Resident, plan_load

_MIB = 2**20


class Decision(NamedTuple):
    """`options` are those to load with, if it is loaded; `instead_of` is why they are smaller."""

    plan: LoadPlan
    options: LoadOptions
    instead_of: Refuse | None = None


class Arbiter:
    """Sizes of models, and what has to go for one more."""

    def __init__(
        self, settings: FleetSettings, *, available_bytes: Callable[[], int], diary: Diary
    ) -> None:
        self._settings = settings
        self._available_bytes = available_bytes
        self._diary = diary
        self._ledger = Ledger()

    @property
    def free_bytes(self) -> int:
        """What models could take now; less than nothing if other programs want it."""
        return self._available_bytes() - self._settings.headroom_bytes

    def size_bytes(self, entry: ModelEntry, options: LoadOptions) -> int:
        return self._ledger.size_bytes(entry, options)

    def record(self, entry: ModelEntry, options: LoadOptions, loaded: LoadedModel) -> None:
        self._ledger.record(entry, options, loaded)

    def decide(
        self,
        entry: ModelEntry,
        options: LoadOptions,
        residents: Sequence[Resident],
        *,
        asked: LoadOptions,
    ) -> Decision:
        """What to do. Of `options`, what nobody `asked` for may become smaller."""
        plan = self._plan(entry, options, residents)
        if not isinstance(plan, Refuse):
            return Decision(plan, options)
        for smaller in economies(options, asked, entry.shape):
            other = self._plan(entry, smaller, residents)
            if not isinstance(other, Refuse):
                return Decision(other, smaller, plan)
        return Decision(plan, options)

    def note_start(self, entry: ModelEntry, decision: Decision) -> None:
        """It is loaded as decided: tell if that is with less than it would have had."""
        plan = decision.instead_of
        if plan is None:
            return
        self._diary.note(
            "shrunk",
            entry.id,
            f"it gets {described(decision.options)}: as usual it would need "
            f"{plan.needed_bytes // _MIB} MiB, and {plan.attainable_bytes // _MIB} can be had",
            needed_bytes=plan.needed_bytes,
            available_bytes=plan.attainable_bytes,
        )

    def refusal(self, entry: ModelEntry, plan: Refuse) -> ErrorInfo:
        """Why there is no room, with both numbers."""
        needed, attainable = plan.needed_bytes // _MIB, plan.attainable_bytes // _MIB
        headroom = self._settings.headroom_bytes // _MIB
        pinned = f" while {', '.join(plan.pinned)} stay pinned" if plan.pinned else ""
        error = OutOfMemory(
            f"model {entry.id!r} needs about {needed} MiB of memory; {attainable} MiB can be made "
            f"free{pinned}, with {headroom} MiB left to other programs; use a smaller model or a "
            "smaller n_ctx",
            details={"needed_bytes": plan.needed_bytes, "available_bytes": plan.attainable_bytes},
        ).info()
        self._diary.note("refused", entry.id, error.message, **error.details)
        return error

    def _plan(
        self, entry: ModelEntry, options: LoadOptions, residents: Sequence[Resident]
    ) -> LoadPlan:
        return plan_load(
            self._ledger.size_bytes(entry, options),
            residents,
            max_loaded=self._settings.max_loaded_models,
            available_bytes=max(self.free_bytes, 0),
        )
