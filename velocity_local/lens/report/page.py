"""A report: one HTML file that needs nothing else, now or in ten years.

It holds no script and no address: plots are inline SVG, and a content security policy forbids
everything but the style in it. All names in it are hostile data and escaped (`markup`).
"""

from collections.abc import Iterable, Sequence

from velocity_local.core.release import RELEASE
from velocity_local.core.units import moment
from velocity_local.lens.changes import estimate
from velocity_local.lens.conditions import facts
from velocity_local.lens.markdown import figure
from velocity_local.lens.quantities import SHOWN, parse
from velocity_local.lens.report import views
from velocity_local.lens.report.markup import Markup, element, join, table
from velocity_local.lens.report.style import STYLE
from velocity_local.lens.results import Metric, RunResult

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_CURVES = (Metric.TTFT_MS, Metric.ITL_MS, Metric.E2E_MS)
_COMPARED = (parse("ttft_ms:p50"), parse("ttft_ms:p99"), parse("total_output_tokens_per_s"))
_MOST_HEAT_MAPS = 6


def page(runs: Sequence[RunResult], *, title: str = "Latency report") -> str:
    """The whole file. Void runs are shown with their reason and their figures left out."""
    usable = [run for run in runs if run.void_reason is None]
    body = element(
        "main",
        element("h1", title),
        element("p", _summary(runs), class_="soft"),
        _warnings(runs),
        _figures(usable),
        _plots(usable),
        _errors(usable),
        _engine(usable),
        _energy(usable),
        _environment(runs),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(STYLE)),
    )
    return f"<!doctype html>\n{element('html', head, element('body', body), lang='en')}\n"


def _summary(runs: Sequence[RunResult]) -> str:
    if not runs:
        return "No runs."
    n_requests = sum(run.n_requests for run in runs)
    when = moment(min(run.started_at_s for run in runs))
    return f"{len(runs)} run(s), {n_requests} requests, from {when}. velocity-local {RELEASE}."


def _warnings(runs: Iterable[RunResult]) -> list[Markup]:
    found = []
    for run in runs:
        if run.void_reason is not None:
            found.append(f"{views.label(run)} is void: {run.void_reason}")
        if run.partial_reason is not None:
            found.append(f"{views.label(run)} is partial: {run.partial_reason}")
    return [element("p", text, class_="warning", role="note") for text in found]


def _figures(runs: Sequence[RunResult]) -> Markup | None:
    rows: list[list[object]] = []
    for quantity in SHOWN:
        cells = [estimate([run], quantity) for run in runs]
        if any(cells):
            shown = ["" if cell is None else figure(cell) for cell in cells]
            rows.append([quantity.name, *shown])
    if not rows:
        return None
    caption = "Figures with their 95 % confidence intervals, where enough was measured for one"
    return _section("Figures", table(["", *map(views.label, runs)], rows, caption=caption))


def _plots(runs: Sequence[RunResult]) -> Markup | None:
    drawn = [
        *(views.percentile_curves(runs, metric) for metric in _CURVES),
        *(views.throughput_and_latency(runs, quantity) for quantity in _COMPARED[:2]),
        *(views.side_by_side(runs, quantity) for quantity in _COMPARED),
        *(views.over_time(run, Metric.E2E_MS) for run in runs[:_MOST_HEAT_MAPS]),
    ]
    shown = [plot for plot in drawn if plot is not None]
    return _section("Plots", element("div", shown, class_="plots")) if shown else None


def _errors(runs: Sequence[RunResult]) -> Markup | None:
    rows: list[list[object]] = []
    for run in runs:
        kinds = dict(run.n_errors)
        if run.n_wrong:
            rows.append([views.label(run), "wrong answer", run.n_wrong])
        if run.n_retries:
            rows.append([views.label(run), "asked again", run.n_retries])
        rows += [[views.label(run), kind, count] for kind, count in sorted(kinds.items())]
    if not rows:
        return None
    return _section("Errors", table(["run", "kind", "requests"], rows, caption="Errors by kind"))


def _engine(runs: Sequence[RunResult]) -> Markup | None:
    rows: list[list[object]] = []
    for run in runs:
        for point in run.engine:
            speeds = sorted(point.tokens_per_s)
            middle = speeds[len(speeds) // 2] if speeds else ""
            asked = [point.n_prompt_tokens, point.n_output_tokens, point.depth_tokens, point.batch]
            rows.append([f"{run.model} {point.test}", *asked, middle, len(speeds)])
    if not rows:
        return None
    head: list[object] = ["test", "prompt", "output", "depth", "batch", "tokens/s", "repeats"]
    return _section("Engine", table(head, rows, caption="Median speed of each engine test"))


def _energy(runs: Sequence[RunResult]) -> Markup | None:
    rows: list[list[object]] = []
    for run in runs:
        if run.energy is not None:
            found = run.energy
            spread = f"{found.joules:.5g} ± {found.uncertainty_joules:.2g}"
            rows.append([views.label(run), spread, found.idle_watts, found.method])
    if not rows:
        return None
    head: list[object] = ["run", "joules", "idle, watts (taken off)", "method"]
    return _section("Energy", table(head, rows, caption="Energy of the measured windows"))


def _environment(runs: Sequence[RunResult]) -> Markup | None:
    known = [facts(run) for run in runs]
    names = sorted({name for one in known for name in one})
    if not names:
        return None
    rows: list[list[object]] = [
        [name, *("" if one.get(name) is None else str(one[name]) for one in known)]
        for name in names
    ]
    caption = "Facts that figures depend on"
    head: list[object] = ["", *map(views.label, runs)]
    overhead = [
        f"{run.client_overhead.delay_p50_ms:.3g} ms, {run.client_overhead.cpu_share:.0%} of a core"
        if run.client_overhead is not None
        else ""
        for run in runs
    ]
    if any(overhead):
        rows.append(["client's own delay (median)", *overhead])
    return _section("Environment", table(head, rows, caption=caption))


def _section(name: str, *parts: object) -> Markup:
    return element("section", element("h2", name), join(parts), aria_label=name)
