"""Which plots are made of which runs. A plot that has nothing to show is None."""

from collections.abc import Sequence

from velocity_local.lens.changes import estimate
from velocity_local.lens.quantities import Quantity, parse
from velocity_local.lens.report import plots
from velocity_local.lens.report.markup import Markup
from velocity_local.lens.report.plots import Axis, Curve, Whisker
from velocity_local.lens.report.scales import linear, logarithmic, tail
from velocity_local.lens.results import Metric, RunResult
from velocity_local.lens.samples import collect, values_of

_PERCENTS = (0.0, *range(5, 90, 5), *range(90, 99), 99.0, 99.3, 99.5, 99.7, 99.9, 99.95, 99.99)
_COLUMNS, _ROWS = 48, 20
_NAMES = {
    Metric.TTFT_MS: "Time to first token",
    Metric.TTFO_MS: "Time to first output token",
    Metric.ITL_MS: "Inter-token latency",
    Metric.E2E_MS: "End-to-end latency",
}
_RATE = parse("total_output_tokens_per_s")


def label(run: RunResult) -> str:
    """How a run is called beside a plot."""
    load = run.load
    parts = [run.name, run.model, run.provider, f"{run.cache_state.value} cache"]
    if load.concurrency is not None:
        parts.append(f"{load.concurrency} at once")
    if load.rate_per_s is not None:
        parts.append(f"{load.rate_per_s:g}/s")
    return " · ".join(part for part in parts if part)


def percentile_curves(runs: Sequence[RunResult], metric: Metric) -> Markup | None:
    """The metric at every percentile that a run has enough values for."""
    lines = [Curve(label(run), _percentiles(run, metric)) for run in runs]
    lines = [line for line in lines if line.points]
    if not lines:
        return None
    largest = max(value for line in lines for _, value in line.points)
    furthest = max(percent for line in lines for percent, _ in line.points)
    name = _NAMES.get(metric, metric.value)
    return plots.curves(
        f"{name} by percentile",
        "How long it took for that share of requests or less; each nine has the same width.",
        lines,
        Axis("percentile", tail(furthest)),
        Axis("ms", linear(largest)),
    )


def over_time(run: RunResult, metric: Metric) -> Markup | None:
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
        f"{_NAMES.get(metric, metric.value)} over time: {label(run)}",
        "Requests by when they were to start and how long they took; darker means more of them.",
        cells,
        Axis("seconds since the run began", time_axis),
        Axis("ms", scale),
    )


def throughput_and_latency(runs: Sequence[RunResult], quantity: Quantity) -> Markup | None:
    """What latency each throughput costs; runs of one series are joined in order of throughput."""
    series: dict[str, list[plots.Point]] = {}
    for run in runs:
        rate, latency = estimate([run], _RATE), estimate([run], quantity)
        if rate is not None and latency is not None:
            name = run.series or f"{run.model} · {run.provider}"
            series.setdefault(name, []).append((rate.value, latency.value))
    if sum(map(len, series.values())) < 2:
        return None
    lines = [Curve(name, tuple(sorted(found)), has_dots=True) for name, found in series.items()]
    everything = [point for line in lines for point in line.points]
    return plots.curves(
        f"Throughput against latency ({quantity.name})",
        "Each dot is a run: further right is more throughput, lower is less waiting.",
        lines,
        Axis("output tokens/s", linear(max(at for at, _ in everything))),
        Axis("ms", linear(max(value for _, value in everything))),
    )


def side_by_side(runs: Sequence[RunResult], quantity: Quantity) -> Markup | None:
    """One figure of each run with its interval."""
    rows = []
    for run in runs:
        found = estimate([run], quantity)
        if found is not None:
            rows.append(Whisker(label(run), found.value, found.low, found.high))
    if len(rows) < 2:
        return None
    largest = max(row.high if row.high is not None else row.value for row in rows)
    return plots.whiskers(
        f"{quantity.name} of each run",
        "Dots are the figures measured, bars where the true ones lie with 95 % confidence.",
        rows,
        Axis(quantity.name, linear(largest)),
    )


def _percentiles(run: RunResult, metric: Metric) -> tuple[plots.Point, ...]:
    values = collect([run], metric)
    if values is None:
        return ()
    furthest = 100 * (1 - 1 / values.n) if values.n > 1 else 0.0
    shown = [percent for percent in _PERCENTS if percent <= furthest]
    return tuple((percent, values.percentile(percent)) for percent in (shown or [0.0]))
