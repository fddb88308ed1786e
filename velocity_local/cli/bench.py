"""The verb bench: how fast a model is, by prompt, answer, depth and batch."""

import secrets
import statistics
from collections.abc import Sequence

import msgspec

from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.lens_made import keep
from velocity_local.cli.lens_saying import environ_of, saying
from velocity_local.core.clock import SystemClock
from velocity_local.lens import targets
from velocity_local.lens.engine_bench import EngineSource, EngineTest, combinations, repeat
from velocity_local.lens.events import Event
from velocity_local.lens.execution import Execution
from velocity_local.lens.loads import Concurrency
from velocity_local.lens.results import (
    CacheState,
    EnginePoint,
    Load,
    LoadKind,
    RequestRecord,
    RunResult,
)
from velocity_local.lens.scenarios import Scenario, Target


def bench(call: Call) -> int:
    """Every combination of what was asked for, and a table of tokens a second."""
    tests = combinations(*(_whole(call, flag) for flag in ("prompt", "output", "depth", "batch")))
    maker = saying(lambda: _Bench(call))
    points = [point for test in tests if (point := maker.point(test)) is not None]
    if not points:
        raise CliError(f"no test succeeded: {maker.fault or 'the answers were too short'}")
    result = maker.result(points)
    if not call.args.json:
        call.out.fields({"model": result.model, "engine": str(maker.engine)})
        call.out.line()
        call.out.table(_HEADERS, [_row(point) for point in points])
    keep(call, [result])
    return Exit.OK if len(points) == len(tests) else Exit.FAILURE


class _Bench:
    """Runs tests against one model of a daemon. The first result says what it ran on."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._environ = environ_of(call)
        self._target = Target(model=call.args.model)
        found = targets.find(self._target, self._environ)
        self._texts = targets.texts_for(found)
        self._last: RunResult | None = None
        self._began_s = SystemClock().wall_s()
        self.fault: str | None = None

    @property
    def engine(self) -> object:
        assert self._last is not None
        return self._last.environment.server.get("engine.description", "")

    def point(self, test: EngineTest) -> EnginePoint | None:
        """The test's outcome; None if its requests failed."""
        found = repeat(
            test,
            self._measure,
            repetitions=self._call.args.repeat,
            heard=lambda speed: self._call.out.progress(f"{test.name}: {speed:.1f} tokens/s"),
        )
        self._call.out.end_progress()
        if found is None:
            self._call.out.note(f"{test.name} failed: {self.fault or 'the answer was too short'}")
        return found

    def result(self, points: Sequence[EnginePoint]) -> RunResult:
        """All tests as one run."""
        assert self._last is not None
        return msgspec.structs.replace(
            self._last,
            name="bench",
            scenario="bench",
            workload="engine tests",
            started_at_s=self._began_s,
            duration_s=SystemClock().wall_s() - self._began_s,
            load=Load(kind=LoadKind.ENGINE),
            cache_state=CacheState.UNCONTROLLED,
            engine=tuple(points),
            n_requests=0,
            n_errors={},
            n_output_tokens=None,
            records=(),
            void_reason=None,
        )

    def _measure(self, test: EngineTest) -> Sequence[RequestRecord]:
        scenario = Scenario(
            target=self._target,
            load=Concurrency(streams=test.batch, requests=test.batch),
            cache=CacheState.UNCONTROLLED,
            warmup_requests=0,
        )
        source = EngineSource(test, self._texts, salt=secrets.token_hex(4))
        execution = Execution(scenario, self._environ, listen=_deaf, source=source)
        self._last = saying(execution.run)
        faults = [each.error_message for each in self._last.records if each.error_message]
        self.fault = faults[0] if faults else None
        return self._last.records


def _row(point: EnginePoint) -> tuple[str, ...]:
    speeds = point.tokens_per_s
    spread = f" ± {statistics.stdev(speeds):.2f}" if len(speeds) > 1 else ""
    return (
        point.test,
        str(point.batch),
        f"{statistics.mean(speeds):.2f}{spread}",
        str(len(speeds)),
    )


def _whole(call: Call, flag: str) -> list[int]:
    text = getattr(call.args, flag)
    parts = [part.strip() for part in text.split(",") if part.strip()]
    least = 0 if flag in {"depth", "prompt", "output"} else 1
    if not parts or not all(part.isdecimal() and int(part) >= least for part in parts):
        raise CliError(f"--{flag} {text}: write whole numbers, as in 128,512", code=Exit.USAGE)
    found = [int(part) for part in parts]
    return [n for n in found if n] if flag in {"prompt", "output"} else found


def _deaf(event: Event) -> None:
    """The runs of a test are too short to be watched."""


_HEADERS = ("TEST", "BATCH", "TOKENS/S", "TIMES")
