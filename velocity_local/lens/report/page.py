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
from velocity_local.lens.quantities import table as table_of
from velocity_local.lens.report import views
from velocity_local.lens.report.comparison import comparison
from velocity_local.lens.report.markup import Markup, element, section, table
from velocity_local.lens.report.naming import Names
from velocity_local.lens.report.style import STYLE
from velocity_local.lens.results import Metric, RunResult

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_CURVES = (Metric.TTFT_MS, Metric.ITL_MS, Metric.E2E_MS)
_COMPARED = (parse("ttft_ms:p50"), parse("ttft_ms:p99"), parse("total_output_tokens_per_s"))
_MAIN = table_of(
    "ttft_ms:p50",
    "ttft_ms:p99",
    "tpot_ms:p50",
    "itl_ms:p99",
    "e2e_ms:p50",
    "e2e_ms:p99",
    "requests_per_s",
    "total_output_tokens_per_s",
)
_HEADS = {
    "requests_per_s:mean": "requests/s",
    "total_output_tokens_per_s:mean": "tokens/s",
    **{
        f"{metric}_ms:{percent}": f"{metric.upper()} {percent}"
        for metric in ("ttft", "tpot", "itl", "e2e")
        for percent in ("p50", "p99")
    },
}
_MOST_HEAT_MAPS = 6


def page(runs: Sequence[RunResult], *, title: str = "Latency report", note: str = "") -> str:
    """The whole file. Void runs are shown with their reason and their figures left out; `note` is
    what a reader must know before the figures.
    """
    usable = [run for run in runs if run.void_reason is None]
    names = Names(runs)
    body = element(
        "main",
        element("h1", title),
        element("p", _summary(runs), class_="soft"),
        element("p", note, class_="warning", role="note") if note else None,
        _warnings(runs, names),
        _figures(usable, names),
        comparison(usable, names),
        _plots(usable, names),
        _errors(usable, names),
        _engine(usable),
        _energy(usable, names),
        _environment(runs, names),
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


def _warnings(runs: Iterable[RunResult], names: Names) -> list[Markup]:
    found = []
    for run in runs:
        if run.void_reason is not None:
            found.append(f"{names.of(run)} is void: {run.void_reason}")
        if run.partial_reason is not None:
            found.append(f"{names.of(run)} is partial: {run.partial_reason}")
    return [element("p", text, class_="warning", role="note") for text in found]


def _figures(runs: Sequence[RunResult], names: Names) -> Markup | None:
    """The main figures with a row for each run; all of them, with intervals, folded away."""
    rows: list[list[object]] = []
    for quantity in SHOWN:
        cells = [estimate([run], quantity) for run in runs]
        if any(cells):
            shown = ["" if cell is None else figure(cell) for cell in cells]
            rows.append([quantity.name, *shown])
    if not rows:
        return None
    caption = "Figures with their 95 % confidence intervals, where enough was measured for one"
    every = table(["", *map(names.of, runs)], rows, caption=caption)
    return section("Figures", _main_figures(runs, names), _folded("All figures", every))


def _main_figures(runs: Sequence[RunResult], names: Names) -> Markup:
    rows: list[list[object]] = [
        [
            names.of(run),
            *(
                "" if (found := estimate([run], quantity)) is None else found.value
                for quantity in _MAIN
            ),
            f"{run.n_requests} ({sum(run.n_errors.values())} failed)",
        ]
        for run in runs
    ]
    head: list[object] = ["", *(_HEADS.get(one.name, one.name) for one in _MAIN), "requests"]
    return table(head, rows, caption="Times in milliseconds, from the intended start")


def _folded(name: str, content: Markup) -> Markup:
    return element("details", element("summary", name), content)


def _plots(runs: Sequence[RunResult], names: Names) -> Markup | None:
    drawn = [
        *(views.throughput_and_latency(runs, names, quantity) for quantity in _COMPARED[:2]),
        *(plot for metric in _CURVES for plot in views.percentile_curves(runs, names, metric)),
        *(views.side_by_side(runs, names, quantity) for quantity in _COMPARED),
        *(views.over_time(run, names, Metric.E2E_MS) for run in _mapped(runs, names)),
    ]
    shown = [plot for plot in drawn if plot is not None]
    return section("Plots", element("div", shown, class_="plots")) if shown else None


def _mapped(runs: Sequence[RunResult], names: Names) -> Sequence[RunResult]:
    """Runs that get a heat map: all if they are few, else the last of each side."""
    if len(runs) <= _MOST_HEAT_MAPS:
        return runs
    return tuple({names.side(run): run for run in runs}.values())[:_MOST_HEAT_MAPS]


def _errors(runs: Sequence[RunResult], names: Names) -> Markup | None:
    rows: list[list[object]] = []
    for run in runs:
        kinds = dict(run.n_errors)
        if run.n_wrong:
            rows.append([names.of(run), "wrong answer", run.n_wrong])
        if run.n_retries:
            rows.append([names.of(run), "asked again", run.n_retries])
        rows += [[names.of(run), kind, count] for kind, count in sorted(kinds.items())]
    if not rows:
        return None
    return section("Errors", table(["run", "kind", "requests"], rows, caption="Errors by kind"))


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
    return section("Engine", table(head, rows, caption="Median speed of each engine test"))


def _energy(runs: Sequence[RunResult], names: Names) -> Markup | None:
    rows: list[list[object]] = []
    for run in runs:
        if run.energy is not None:
            found = run.energy
            spread = f"{found.joules:.5g} ± {found.uncertainty_joules:.2g}"
            rows.append([names.of(run), spread, found.idle_watts, found.method])
    if not rows:
        return None
    head: list[object] = ["run", "joules", "idle, watts (taken off)", "method"]
    return section("Energy", table(head, rows, caption="Energy of the measured windows"))


def _environment(runs: Sequence[RunResult], names: Names) -> Markup | None:
    """What all runs share is told once."""
    known = [facts(run) for run in runs]
    columns = {name: [one.get(name) for one in known] for one in known for name in one}
    shared = [
        [name, str(column[0])]
        for name, column in sorted(columns.items())
        if len(set(column)) == 1 and column[0] is not None
    ]
    apart = [
        [name, *("" if value is None else str(value) for value in column)]
        for name, column in sorted(columns.items())
        if len(set(column)) > 1
    ]
    overhead = [_overhead(run) for run in runs]
    if any(overhead):
        apart.append(["client's own delay (median)", *overhead])
    tables = [
        table(["", "of all runs"], shared, caption="Facts that figures depend on"),
        table(["", *map(names.of, runs)], apart, caption="Facts of each run") if apart else None,
    ]
    return section("Environment", tables) if shared or apart else None


def _overhead(run: RunResult) -> str:
    found = run.client_overhead
    return f"{found.delay_p50_ms:.3g} ms, {found.cpu_share:.0%} of a core" if found else ""
