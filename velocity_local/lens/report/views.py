"""Which plots are made of which runs. A plot that has nothing to show is left out."""

from collections.abc import Iterator, Sequence

from velocity_local.lens.changes import estimate
from velocity_local.lens.quantities import Quantity, parse
from velocity_local.lens.report import plots
from velocity_local.lens.report.markup import Markup
from velocity_local.lens.report.naming import Names, load_name
from velocity_local.lens.report.plots import Axis, Curve, Whisker
from velocity_local.lens.report.scales import linear, logarithmic, tail
from velocity_local.lens.results import Metric, RunResult
from velocity_local.lens.samples import collect, values_of

_PERCENTS = (0.0, *range(5, 90, 5), *range(90, 99), 99.0, 99.3, 99.5, 99.7, 99.9, 99.95, 99.99)
_COLUMNS, _ROWS = 48, 20
_MOST_CURVES = 4
_NAMES = {
    Metric.TTFT_MS: "Time to first token",
    Metric.TTFO_MS: "Time to first output token",
    Metric.ITL_MS: "Inter-token latency",
    Metric.TPOT_MS: "Time per output token",
    Metric.E2E_MS: "End-to-end latency",
    Metric.TOTAL_OUTPUT_TOKENS_PER_S: "Output tokens per second",
}
_RATE = parse("total_output_tokens_per_s")


def title_of(quantity: Quantity) -> str:
    """A figure in words."""
    name = _NAMES.get(quantity.metric, quantity.metric.value)
    return name if quantity.percent is None else f"{name}, {quantity.statistic}"


def percentile_curves(runs: Sequence[RunResult], names: Names, metric: Metric) -> Iterator[Markup]:
    """The metric at every percentile that a run has enough values for; many runs of several sides
    have a plot for each load.
    """
    shown = [run for run in runs if collect([run], metric) is not None]
    loads = dict.fromkeys(map(load_name, shown))
    if len(shown) <= _MOST_CURVES or len(names.sides) < 2 or len(loads) < 2:
        if shown:
            yield _curves(shown, names, metric, "")
        return
    for load in loads:
        yield _curves([run for run in shown if load_name(run) == load], names, metric, load)


def _curves(runs: Sequence[RunResult], names: Names, metric: Metric, load: str) -> Markup:
    name_of = names.side if load else names.of
    lines = [
        Curve(name_of(run), _percentiles(run, metric), colour=_colour(names, run, number))
        for number, run in enumerate(runs)
    ]
    largest = max(value for line in lines for _, value in line.points)
    furthest = max(percent for line in lines for percent, _ in line.points)
    name = _NAMES.get(metric, metric.value)
    return plots.curves(
        f"{name} by percentile" + (f", {load}" if load else ""),
        "How long it took for that share or less; each nine has the same width.",
        lines,
        Axis("percentile", tail(furthest)),
        Axis("ms", linear(largest)),
    )


def over_time(run: RunResult, names: Names, metric: Metric) -> Markup | None:
    """How many requests took how long, and when."""
    found = [
        (record.intended_start_s, value)
        for record in run.records
        if record.is_ok
        for value in values_of(record, metric)
        if value > 0
    ]
    if len(found) < 2:
        return None
    smallest, largest = min(v for _, v in found), max(v for _, v in found)
    scale = logarithmic(smallest, largest)
    time_axis = linear(max(run.duration_s, *(at for at, _ in found)))
    cells = [[0] * _ROWS for _ in range(_COLUMNS)]
    for at_s, value in found:
        column = min(int(max(time_axis.place(at_s), 0.0) * _COLUMNS), _COLUMNS - 1)
        cells[column][min(int(scale.place(value) * _ROWS), _ROWS - 1)] += 1
    return plots.heat_map(
        f"{_NAMES.get(metric, metric.value)} over time: {names.of(run)}",
        "Requests by when they were to start and how long they took; stronger colours are more.",
        cells,
        Axis("seconds since the run began", time_axis),
        Axis("ms", scale),
        colour=names.colour(run),
    )


def throughput_and_latency(
    runs: Sequence[RunResult], names: Names, quantity: Quantity
) -> Markup | None:
    """What latency each throughput costs; runs of one side are joined from the smallest load to the
    largest, so that a line that turns back shows where more load brings less.
    """
    sides: dict[str, list[plots.Point]] = {}
    for run in sorted(runs, key=_load_size):
        rate, latency = estimate([run], _RATE), estimate([run], quantity)
        if rate is not None and latency is not None:
            sides.setdefault(names.side(run), []).append((rate.value, latency.value))
    if sum(map(len, sides.values())) < 2:
        return None
    lines = [
        Curve(name, tuple(found), colour=names.sides.index(name), has_dots=True)
        for name, found in sides.items()
    ]
    everything = [point for line in lines for point in line.points]
    return plots.curves(
        f"Throughput against latency ({title_of(quantity).lower()})",
        "Each dot is a run: further right is more throughput, lower is less waiting.",
        lines,
        Axis("output tokens/s", linear(max(at for at, _ in everything))),
        Axis("ms", linear(max(value for _, value in everything))),
    )


def _load_size(run: RunResult) -> float:
    return float(run.load.concurrency or run.load.rate_per_s or 0.0)


def side_by_side(runs: Sequence[RunResult], names: Names, quantity: Quantity) -> Markup | None:
    """One figure of each run with its interval."""
    rows = []
    for number, run in enumerate(runs):
        found = estimate([run], quantity)
        if found is not None:
            colour = _colour(names, run, number)
            rows.append(Whisker(names.of(run), found.value, found.low, found.high, colour=colour))
    if len(rows) < 2:
        return None
    largest = max(row.high if row.high is not None else row.value for row in rows)
    unit = "ms" if quantity.metric.value.endswith("_ms") else "tokens/s"
    return plots.whiskers(
        f"{title_of(quantity)}: each run",
        "Dots are the figures measured, bars where the true ones lie with 95 % confidence.",
        rows,
        Axis(unit, linear(largest)),
    )


def _colour(names: Names, run: RunResult, number: int) -> int:
    """Sides have colours of their own; if there is one side only, runs have."""
    return names.colour(run) if len(names.sides) > 1 else number


def _percentiles(run: RunResult, metric: Metric) -> tuple[plots.Point, ...]:
    values = collect([run], metric)
    assert values is not None, "only runs that measured it are drawn"
    furthest = 100 * (1 - 1 / values.n) if values.n > 1 else 0.0
    shown = [percent for percent in _PERCENTS if percent <= furthest]
    return tuple((percent, values.percentile(percent)) for percent in (shown or [0.0]))
