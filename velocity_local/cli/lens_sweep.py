"""The verb lens sweep."""

from velocity_local.cli import lens_live
from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.lens_flags import closed, open_, scenario_of
from velocity_local.cli.lens_made import deliver
from velocity_local.cli.lens_run import measured
from velocity_local.cli.lens_saying import saying
from velocity_local.core.units import milliseconds
from velocity_local.lens.goodness import good_share
from velocity_local.lens.loads import Constant, Poisson
from velocity_local.lens.results import Metric, RunResult
from velocity_local.lens.samples import collect, output_tokens
from velocity_local.lens.scenarios import Scenario
from velocity_local.lens.sweep import Sweep, Swept


def sweep(call: Call) -> int:
    """Measure at several loads, and say what they show."""
    wants_rates = call.args.rates
    load = open_(1.0, call.args.pattern, "--rates") if wants_rates else {}
    if not wants_rates and call.args.file is None:
        load = closed(1, "the default")
    scenario = scenario_of(call, load)
    maker = Sweep(scenario, lambda each, series: _one(call, each, series))
    swept = saying(lambda: _sweep(call, maker), call)
    if not call.args.json:
        _show(call, swept, scenario)
    return deliver(call, swept.runs, is_shown=True)


def _sweep(call: Call, maker: Sweep) -> Swept:
    if call.args.search:
        return maker.largest()
    if call.args.loads is not None:
        return maker.given(numbers(call.args.loads, "--loads"))
    return maker.to_saturation()


def _one(call: Call, scenario: Scenario, series: str) -> RunResult:
    result = measured(call, scenario, series=series)
    call.out.note(_line(result))
    for note in lens_live.notes(result):
        call.out.note(note)
    return result


def numbers(text: str, flag: str) -> list[float]:
    """Numbers above zero with commas between them.

    Raises:
        CliError: if they are none.
    """
    try:
        found = [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        found = []
    if not found or min(found) <= 0:
        raise CliError(f"{flag} {text}: write numbers, as in 1,2,4", code=Exit.USAGE)
    return found


def _show(call: Call, swept: Swept, scenario: Scenario) -> None:
    headers = ["LOAD", "REQUESTS/S", "TOKENS/S", "TTFT P50", "TTFT P99", "ITL P50", "ITL P99"]
    if scenario.slo is not None:
        headers.append("WITHIN SLO")
    call.out.table(headers, list(map(_row, swept.runs)))
    found = swept.found
    if found is None:
        return
    unit = "requests/s" if isinstance(scenario.load, Constant | Poisson) else "streams"
    if found.good is None:
        call.out.line(f"No load keeps the SLO, not even {found.bad:g} {unit}.")
    elif found.bad is None:
        call.out.line(f"{found.good:g} {unit} keep the SLO; nothing larger was tried.")
    else:
        call.out.line(f"{found.good:g} {unit} keep the SLO, {found.bad:g} do not.")


def _line(result: RunResult) -> str:
    """The row in words, for those who watch the sweep."""
    name, requests, tokens, *times = _row(result)
    rates = f"{requests} requests/s, {tokens} tokens/s, TTFT p50 {times[0]}, p99 {times[1]}"
    good = f", {times[-1]} within the SLO" if result.n_good is not None else ""
    return f"{name}: {rates}{good}"


def _row(result: RunResult) -> list[str]:
    load = result.load
    seconds = result.duration_s
    row = [
        lens_live.streams(load.concurrency) if load.concurrency else f"{load.rate_per_s:g}/s",
        f"{result.n_requests / seconds:.2f}" if seconds else "",
        f"{(output_tokens(result) or 0) / seconds:.1f}" if seconds else "",
        *(_at(result, Metric.TTFT_MS, percent) for percent in (50, 99)),
        *(_at(result, Metric.ITL_MS, percent) for percent in (50, 99)),
    ]
    return row if result.n_good is None else [*row, f"{good_share(result):.1%}"]


def _at(result: RunResult, metric: Metric, percent: float) -> str:
    values = collect([result], metric)
    return milliseconds(values.percentile(percent)) if values is not None else ""
