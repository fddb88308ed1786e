"""Answers whether a model fits this machine, by the surest numbers there are: the same load
before, the engine's dry run, the formula over the header.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec
from msgspec.structs import replace

from velocity_local.core.clock import Clock
from velocity_local.core.errors import CapacityError, ModelError
from velocity_local.core.fit import Fit, FitAsk, Machine, Need, Shape
from velocity_local.core.loads import LoadRow
from velocity_local.core.models import Buffers, LoadedModel, LoadOptions, ModelEntry
from velocity_local.daemon.catalog.fit import NeedAt, judge
from velocity_local.daemon.catalog.fit_bytes import AUTOMATIC_CONTEXT, need_of_size, shape_of_size
from velocity_local.daemon.catalog.fit_learned import (
    by_buffers,
    by_formula,
    error_percent,
    load_of,
)
from velocity_local.daemon.fleet.companions import with_companions
from velocity_local.daemon.fleet.economies import described, economies
from velocity_local.daemon.fleet.ledger import ask_of
from velocity_local.daemon.fleet.weighing import DryRuns

# Not worth a look at the graphics processors, which takes longer than such a model's load.
_SURELY_FITS_BYTES = 256 * 1024 * 1024


class Loads(Protocol):
    """The history, as far as loads go."""

    def keep_load(self, row: LoadRow) -> None: ...

    async def loads(self) -> list[LoadRow]: ...


class Names(Protocol):
    async def resolve(self, name: str) -> ModelEntry: ...


class Fitting:
    """`machine` tells memory as free as it could be made; `default_options` how a model would
    be loaded.
    """

    def __init__(
        self,
        *,
        models: Names,
        machine: Callable[[], Awaitable[Machine]],
        default_options: Callable[[ModelEntry], LoadOptions],
        dry_runs: DryRuns,
        loads: Loads,
        clock: Clock,
    ) -> None:
        self._models = models
        self._machine = machine
        self._default_options = default_options
        self._dry_runs = dry_runs
        self._loads = loads
        self._clock = clock
        self._weighed: dict[tuple[str, str], Buffers] = {}
        self._has_gpus: bool | None = None

    async def fit(self, name: str, change: Callable[[LoadOptions], LoadOptions]) -> Fit:
        """The verdict for a model of this machine, loaded with `change` of the usual options.

        Raises:
            ModelNotFound: telling near names.
            InvalidModel: its file is damaged.
        """
        entry = await self._models.resolve(name)
        options = change(self._default_options(entry))
        if entry.shape is None:
            return await self.fit_size(entry.size_bytes, entry.parameters, ask_of(options))
        machine = await self._machine()
        fit = await self._judged(entry, entry.shape, options, machine)
        if fit.verdict != "too large":
            return fit
        return await self._economized(entry, entry.shape, options, machine) or fit

    async def fit_size(self, size_bytes: int, parameters: int, ask: FitAsk) -> Fit:
        """The verdict for a model that is not here yet, or of a kind without a formula."""

        def need_at(n_ctx: int) -> Need:
            return need_of_size(size_bytes, parameters, replace(ask, n_ctx=n_ctx))

        shape = shape_of_size(size_bytes, parameters)
        machine = await self._machine()
        return judge(shape, ask, machine, need_at, n_ctx=ask.n_ctx or AUTOMATIC_CONTEXT)

    async def placed(self, entry: ModelEntry, options: LoadOptions) -> LoadOptions:
        """The same with as many layers on graphics processors as they hold, if nobody said.

        Without one, and where it works in the machine's own memory, the engine's own choice stays.
        """
        if options.n_gpu_layers is not None or entry.shape is None or self._has_gpus is False:
            return options
        if entry.shape.weights_bytes < _SURELY_FITS_BYTES:
            return options
        machine = await self._machine()
        self._has_gpus = bool(machine.gpus)
        if not machine.gpus or all(gpu.shares_host for gpu in machine.gpus):
            return options
        fit = await self._judged(entry, entry.shape, options, machine)
        return replace(options, n_gpu_layers=fit.n_gpu_layers, gpu_split=_split(fit, machine))

    def note_load(self, entry: ModelEntry, options: LoadOptions, loaded: LoadedModel) -> None:
        """A model was loaded: keep what it took beside what was expected."""
        if loaded.buffers is None:
            return
        key = (entry.fingerprint, _key(options))
        weighed = self._weighed.get(key)
        formula = None if entry.shape is None else by_formula(entry.shape, ask_of(options))
        expected = formula(options.n_ctx or AUTOMATIC_CONTEXT) if formula else None
        self._loads.keep_load(
            LoadRow(
                at_s=self._clock.wall_s(),
                model=entry.id,
                fingerprint=entry.fingerprint,
                options=key[1],
                weights_bytes=loaded.buffers.weights_bytes,
                kv_bytes=loaded.buffers.kv_bytes,
                compute_bytes=loaded.buffers.compute_bytes,
                load_ms=loaded.load_ms,
                formula_bytes=None if expected is None else expected.engine_bytes,
                dry_run_bytes=None if weighed is None else weighed.total_bytes,
            )
        )

    async def _economized(
        self, entry: ModelEntry, shape: Shape, options: LoadOptions, machine: Machine
    ) -> Fit | None:
        """With less of what nobody asked for, as a load would be; None if that is too large too."""
        for smaller in economies(options, options, shape):
            n_ctx = smaller.n_ctx or AUTOMATIC_CONTEXT
            if _by_header(entry, shape, smaller, machine, n_ctx).verdict == "too large":
                continue
            fit = await self._judged(entry, shape, smaller, machine)
            if fit.verdict != "too large":
                return replace(fit, adjusted=f"{described(options)} would not fit")
        return None

    async def _judged(
        self, entry: ModelEntry, shape: Shape, options: LoadOptions, machine: Machine
    ) -> Fit:
        ask, n_ctx = ask_of(options), options.n_ctx or AUTOMATIC_CONTEXT
        formula = by_formula(shape, ask)
        if _is_hopeless(formula(n_ctx), machine):
            return _by_header(entry, shape, options, machine, n_ctx)
        need_at, buffers = await self._need(entry, options, formula, n_ctx)
        whole = with_companions(need_at, entry, options)
        return judge(shape, ask, _usable(machine, buffers), whole, n_ctx=n_ctx)

    async def _need(
        self, entry: ModelEntry, options: LoadOptions, formula: NeedAt, n_ctx: int
    ) -> tuple[NeedAt, Buffers | None]:
        """Bytes for any context, and the engine's own if it could be asked."""
        rows = await self._past()
        buffers = load_of(rows, entry.fingerprint, _key(options))
        if buffers is not None:
            known = by_buffers(formula, buffers, n_ctx=n_ctx, error_percent=1.0, is_load=True)
            return known, None
        try:
            buffers = await self._weigh(entry, options)
        except ModelError as error:
            return _doubted(formula, error.message), None
        percent = error_percent(rows)
        return by_buffers(formula, buffers, n_ctx=n_ctx, error_percent=percent), buffers

    async def _weigh(self, entry: ModelEntry, options: LoadOptions) -> Buffers:
        key = (entry.fingerprint, _key(options))
        if key not in self._weighed:
            self._weighed[key] = await self._dry_runs.weigh(entry.path, options)
        return self._weighed[key]

    async def _past(self) -> list[LoadRow]:
        try:
            return await self._loads.loads()
        except CapacityError:  # a history that cannot be read now teaches nothing
            return []


def _by_header(
    entry: ModelEntry, shape: Shape, options: LoadOptions, machine: Machine, n_ctx: int
) -> Fit:
    ask = ask_of(options)
    whole = with_companions(by_formula(shape, ask), entry, options)
    return judge(shape, ask, machine, whole, n_ctx=n_ctx)


def _is_hopeless(need: Need, machine: Machine) -> bool:
    """Even the engine's own bookkeeping would be more than the machine has."""
    total_bytes = machine.host.total_bytes + sum(gpu.total_bytes for gpu in machine.gpus)
    return need.total_bytes - need.error_bytes > total_bytes


def _doubted(formula: NeedAt, reason: str) -> NeedAt:
    """The engine would not say: what is left is the formula, and that it is not sure."""

    def need_at(n_ctx: int) -> Need:
        need = formula(n_ctx)
        return replace(need, doubt=f"the engine does not say: {reason}")

    return need_at


def _split(fit: Fit, machine: Machine) -> tuple[int, ...]:
    """Layers of each GPU, if there are several."""
    if len(machine.gpus) < 2:
        return ()
    layers = {share.device: share.layers for share in fit.shares}
    split = tuple(layers.get(gpu.name, 0) for gpu in machine.gpus)
    return split if any(split) else ()


def _usable(machine: Machine, buffers: Buffers | None) -> Machine:
    """Processors count only if this engine was built for them: the dry run names those it uses."""
    if buffers is None or any(not name.startswith("CPU") for name in buffers.by_device):
        return machine
    return replace(machine, gpus=())


def _key(options: LoadOptions) -> str:
    return msgspec.json.encode(options).decode()
