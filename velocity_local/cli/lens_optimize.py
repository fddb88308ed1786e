"""The verb lens optimize: tries settings, each on a daemon of its own, and confirms the best."""

import os
import tempfile
from pathlib import Path
from typing import cast

import msgspec

from velocity_local.cli import launch, shutdown
from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.lens_flags import scenario_of
from velocity_local.cli.lens_live import Live
from velocity_local.cli.lens_sources import write_results
from velocity_local.client.daemon import LocalDaemon
from velocity_local.config import keys, paths
from velocity_local.config.load import load
from velocity_local.lens.compare import Section, Verdict
from velocity_local.lens.errors import LensError
from velocity_local.lens.execution import Execution
from velocity_local.lens.markdown import figure, relative
from velocity_local.lens.optimize.goals import BadGoal, Goal, parse_goal
from velocity_local.lens.optimize.knobs import (
    BadKnob,
    Chosen,
    Knob,
    check_distinct,
    default_knobs,
    flags,
    n_settings,
    parse_knob,
)
from velocity_local.lens.optimize.search import (
    OptunaMissing,
    Search,
    Trial,
    Unusable,
    confirm,
    search,
)
from velocity_local.lens.results import RunResult
from velocity_local.lens.scenarios import Scenario, Target

_DEFAULT_GOAL = ("ttft_ms:p50", "total_output_tokens_per_s")
_HELD_OUT = 1_000_003  # added to the seed: prompts that the search has not seen
_STOP_TIMEOUT_S = 20.0


class TrialDaemon:
    """Runs the scenario on a new daemon, with the user's own settings but for those chosen.

    It has folders and a port of its own and the user's models; a daemon that runs is left alone.
    """

    def __init__(self, call: Call, scenario: Scenario) -> None:
        self._call = call
        self._scenario = scenario
        self._own = load(environ=call.environ).paths

    def measure(self, chosen: Chosen, *, seed: int) -> RunResult:
        """Raises Unusable if the daemon does not start so, or the scenario cannot be run."""
        with tempfile.TemporaryDirectory(prefix="velocity-lens-") as home:
            environ = {**self._call.environ, paths.HOME_VARIABLE: home}
            environ.pop("VELOCITY_HOST", None)
            local = LocalDaemon(paths.locate(environ))
            try:
                launch.ensure_running(local, self._flags(chosen), environ=environ)
                return self._run(environ, seed)
            except (CliError, LensError) as error:
                raise Unusable(str(error).splitlines()[0]) from error
            finally:
                shutdown.stop(local, self._call.out, timeout_s=_STOP_TIMEOUT_S)

    def _run(self, environ: dict[str, str], seed: int) -> RunResult:
        scenario = msgspec.structs.replace(self._scenario, seed=seed)
        return Execution(scenario, environ, listen=Live(self._call.out)).run()

    def _flags(self, chosen: Chosen) -> list[str]:
        config = self._own.config_file
        given = ["--config", str(config)] if config.exists() else []
        models = f"paths.models={self._own.models_dir}"
        return [*given, "--port", "0", "--set", models, *flags(chosen)]


def optimize(call: Call) -> int:
    """Search, confirm, and tell what was gained."""
    if call.args.trials < 1 or call.args.confirm < 1:
        raise CliError("give at least one trial and one run to confirm", code=Exit.USAGE)
    goal, knobs, scenario = _goal(call), _knobs(call), _scenario(call)
    daemon, seed = TrialDaemon(call, scenario), scenario.seed
    total = min(call.args.trials, n_settings(knobs))
    call.out.note(f"Trying {total} settings, then {2 * call.args.confirm} runs to confirm.")
    try:
        found = search(
            daemon.measure,
            knobs,
            goal,
            n_trials=call.args.trials,
            seed=seed,
            on_trial=lambda trial: _note(call, trial),
        )
        if found.best is None:
            return _nothing(call, found)
        section, own, tuned = confirm(
            daemon.measure, found.best.chosen, goal, n_runs=call.args.confirm, seed=seed + _HELD_OUT
        )
    except (OptunaMissing, Unusable) as error:
        raise CliError(str(error)) from error
    finally:
        call.out.end_progress()
    if call.args.out:
        write_results(Path(call.args.out), [*own, *tuned])
    _show(call, found, section)
    return Exit.OK


def _scenario(call: Call) -> Scenario:
    scenario = scenario_of(call)
    if scenario.target.provider != Target().provider or scenario.target.url is not None:
        raise CliError("only this machine's own daemon has settings to search", code=Exit.USAGE)
    return scenario


def _goal(call: Call) -> Goal:
    try:
        return parse_goal(call.args.goal or _DEFAULT_GOAL)
    except BadGoal as error:
        raise CliError(str(error), code=Exit.USAGE) from error


def _knobs(call: Call) -> tuple[Knob, ...]:
    try:
        knobs = tuple(map(parse_knob, call.args.knob)) or default_knobs(os.cpu_count() or 1)
        check_distinct(knobs)
    except BadKnob as error:
        raise CliError(str(error), code=Exit.USAGE) from error
    for knob in knobs:
        if knob.setting not in keys.TYPES:
            raise CliError(
                f"{knob.setting!r} is no setting",
                code=Exit.USAGE,
                next_step="velocity-local config get",
            )
    return knobs


def _note(call: Call, trial: Trial) -> None:
    settings = ", ".join(f"{name}={value}" for name, value in trial.chosen.items())
    result = trial.why_not if trial.score is None else f"score {trial.score:+.3f}"
    call.out.note(f"{settings}: {result}")


def _nothing(call: Call, found: Search) -> int:
    if call.args.json:
        call.out.json("lens-optimize/1", trials=found.trials, best=None, confirmation=None)
    else:
        call.out.note("No settings were better than the daemon's own.")
    return Exit.OK


def _show(call: Call, found: Search, section: Section) -> None:
    best = cast("Trial", found.best)
    is_confirmed = any(row.verdict is Verdict.BETTER for row in section.rows) and not any(
        row.verdict is Verdict.WORSE for row in section.rows
    )
    if call.args.json:
        call.out.json(
            "lens-optimize/1",
            trials=found.trials,
            best=best,
            is_confirmed=is_confirmed,
            confirmation=section,
        )
        return
    rows = [
        (row.quantity.name, figure(row.before), figure(row.after), relative(row), row.verdict.value)
        for row in section.rows
    ]
    call.out.table(("FIGURE", "OWN SETTINGS", "BEST FOUND", "CHANGE", "VERDICT"), rows)
    if not is_confirmed:
        call.out.note("Not confirmed on other prompts: the daemon's own settings are as good.")
        return
    for name, value in best.chosen.items():
        shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        call.out.line(f"velocity-local config set {name} {shown}")
