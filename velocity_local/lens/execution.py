"""One run from its scenario to its result, in an event loop of its own.

The loop is not shared: what else ran in it would be measured as the server's slowness.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from velocity_local.client import api
from velocity_local.lens import cache_axis, energy, targets
from velocity_local.lens.asker import Asker
from velocity_local.lens.cost import Electricity, price_of
from velocity_local.lens.descriptors import make_room
from velocity_local.lens.distributed.shares import Part, part_of
from velocity_local.lens.door import Door
from velocity_local.lens.driver import Driver, Window
from velocity_local.lens.errors import BadScenario
from velocity_local.lens.events import Ended, Listener, Preparing
from velocity_local.lens.gathering import Gathering, Spill
from velocity_local.lens.head import request_bytes
from velocity_local.lens.jobs import Source
from velocity_local.lens.loads import described, most_at_once
from velocity_local.lens.overhead import OverheadMeter, bottleneck
from velocity_local.lens.providers.port import NotOffered
from velocity_local.lens.relay import Baton
from velocity_local.lens.results import CacheState, Environment, Fact, Pairing, RunResult, Side
from velocity_local.lens.scenarios import PromptFile, Scenario
from velocity_local.lens.selector import MeteredSelector, metered_loop
from velocity_local.lens.surroundings import client_facts, machine_facts
from velocity_local.lens.targets import Found
from velocity_local.lens.words import WordTexts, random_of
from velocity_local.lens.workloads import source_of
from velocity_local.wire.http.telemetry import PowerItem

Trace = Sequence[float]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run whose server was found and whose prompts can be made."""

    found: Found
    source: Source
    electricity: Electricity | None
    server: dict[str, Fact]
    machine: dict[str, Fact]
    started_s: float


class Execution:
    """One run, or one client's `part` of it. `spill` gets every record; `recorded_s` are the starts
    of a trace to replay.
    """

    def __init__(
        self,
        scenario: Scenario,
        environ: Mapping[str, str],
        *,
        listen: Listener,
        spill: Spill | None = None,
        source: Source | None = None,
        recorded_s: Trace = (),
        series: str | None = None,
        part: Part | None = None,
        pairing: Pairing | None = None,
    ) -> None:
        self._part = part
        self._scenario = scenario if part is None else part_of(scenario, part.share)
        self._environ = environ
        self._listen = listen
        self._gathering = Gathering(self._scenario.keep_records, spill=spill, slo=scenario.slo)
        self._given_source = source
        self._recorded_s = recorded_s
        self._series = series
        self._pairing = pairing
        self._power: PowerItem | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Window] | None = None

    def run(self) -> RunResult:
        """Block until the run has ended. Ctrl-C (in the main thread) ends it early, and marks it.

        Raises:
            LensError: if the scenario cannot be run.
        """
        prepared = self.prepare()
        selector = MeteredSelector()
        meter = OverheadMeter(selector)
        with asyncio.Runner(loop_factory=lambda: metered_loop(selector)) as runner:
            self._loop = runner.get_loop()
            window = runner.run(self.drive(prepared, meter))
        return self.end(prepared, meter, window)

    def prepare(self) -> Prepared:
        """Look for the server and at what it is.

        Raises:
            LensError: if the scenario cannot be run.
        """
        scenario = self._scenario
        self._listen(Preparing("looking at the server"))
        found = targets.find(scenario.target, self._environ)
        tables = targets.price_tables(self._environ)
        self._gathering.price = price_of(tables.price, found.provider.name, found.model)
        source = self._given_source or self._source(found)
        _check_askable(found, source)
        n_sides = 1 if self._pairing is None else len(Side)
        make_room(n_sides * most_at_once(scenario.load))
        return Prepared(
            found=found,
            source=source,
            electricity=tables.electricity,
            server=targets.server_facts(found),
            machine=machine_facts(found.admin, found.host),
            started_s=time.time(),
        )

    def cancel(self) -> None:
        """End the run early, from any thread; what was measured is kept and marked."""
        if self._loop is not None and self._task is not None:
            with contextlib.suppress(RuntimeError):  # its loop is closed: it has ended already
                self._loop.call_soon_threadsafe(self._task.cancel)

    async def drive(
        self, prepared: Prepared, meter: OverheadMeter, baton: Baton | None = None
    ) -> Window:
        """Make the requests; with a `baton`, in turns with another run in this loop."""
        scenario, found = self._scenario, prepared.found
        door = Door(
            found.base_url,
            connect_timeout_s=scenario.patience.connect_s,
            reuse=scenario.reuse_connections,
            stamp=meter.stamp,
        )
        asker = Asker(
            found.provider,
            door,
            model=found.model,
            key=found.key,
            cache_state=scenario.cache_state,
            patience=scenario.patience,
            retries=scenario.retries,
            quota=scenario.quota,
            random=random_of(scenario.seed, "retries"),
        )
        driver = Driver(
            scenario,
            asker,
            prepared.source,
            self._gathering,
            meter,
            listen=self._listen,
            on_begin=lambda: self._look(found),
            recorded_s=self._recorded_s,
            restore=_restoring(found, scenario.cache_state),
            part=self._part,
            baton=baton,
        )
        self._task = asyncio.current_task()
        try:
            return await driver.run(model=found.model)
        finally:
            door.close()

    def end(self, prepared: Prepared, meter: OverheadMeter, window: Window) -> RunResult:
        """What was measured."""
        result = self._result(prepared, meter, window)
        if self._pairing is None:  # the machine's energy is not one side's
            result = self._with_energy(result, prepared)
        self._listen(Ended(result))
        return result

    def _source(self, found: Found) -> Source:
        texts = WordTexts()
        if not isinstance(self._scenario.workload, PromptFile):
            self._listen(Preparing("asking the server's tokenizer"))
            texts = targets.texts_for(found)
        nonce = secrets.token_hex(4) if self._part is None else self._part.nonce
        return source_of(self._scenario, texts, nonce=nonce)

    def _result(self, ran: Prepared, meter: OverheadMeter, window: Window) -> RunResult:
        scenario = self._scenario
        overhead = meter.overhead()
        return RunResult(
            id=f"{int(ran.started_s):x}-{secrets.token_hex(4)}",
            started_at_s=ran.started_s,
            name=scenario.name,
            provider=ran.found.provider.name,
            model=ran.found.model,
            scenario=scenario.name,
            workload=ran.source.name,
            cache_state=scenario.cache_state,
            load=described(
                scenario.load, warmup_requests=scenario.warmup_requests, seed=scenario.seed
            ),
            duration_s=window.duration_s,
            series=self._series,
            pairing=self._pairing,
            environment=Environment(ran.machine, ran.server, client_facts()),
            client_overhead=overhead,
            void_reason=bottleneck(overhead, self._gathering.shortest()) or self._cache_doubt(),
            partial_reason=window.partial_reason,
            labels=scenario.labels,
            **self._gathering.fields(),
        )

    def _look(self, found: Found) -> None:
        self._power = energy.look(found.admin)

    def _with_energy(self, result: RunResult, ran: Prepared) -> RunResult:
        """The result with its energy, and with its cost if the tariff is known and nothing else."""
        found, tariff = ran.found, ran.electricity
        after = energy.look(found.admin)
        spent = energy.spent(self._power, after, model=found.model, duration_s=result.duration_s)
        if spent is None:
            return result
        result = msgspec.structs.replace(result, energy=spent)
        if tariff is None or result.cost is not None:
            return result
        return msgspec.structs.replace(
            result,
            cost=tariff.cost(spent.joules),
            currency=tariff.currency,
            prices_dated=tariff.dated,
        )

    def _cache_doubt(self) -> str | None:
        gathering = self._gathering
        return cache_axis.contradiction(
            self._scenario.cache_state, gathering.n_prompt_tokens, gathering.n_cached_tokens
        )


def _check_askable(found: Found, source: Source) -> None:
    """Before anything is measured.

    Raises:
        BadScenario: if the provider has no such endpoint, or the key cannot be sent.
    """
    ask = next(source.sessions()).ask
    door = Door(found.base_url, connect_timeout_s=1.0)
    try:
        request_bytes(door, found.provider.request(ask, model=found.model, key=found.key))
    except (NotOffered, ValueError) as error:
        raise BadScenario(str(error)) from error


def _restoring(found: Found, state: CacheState) -> Callable[[], Awaitable[None]] | None:
    """Unloads and loads the model, for a cache that is restored.

    Raises:
        BadScenario: if the server is none that can be told to.
    """
    if state is not CacheState.RESTORED:
        return None
    admin = found.admin
    if admin is None:
        raise BadScenario("cache: restored needs a velocity-local daemon, to unload its model")

    async def restore() -> None:
        await asyncio.to_thread(api.unload, admin, found.model)
        await asyncio.to_thread(api.load, admin, found.model)

    return restore
