"""A run as it goes on, and its figures when it is over."""

from collections.abc import Iterable, Sequence

from velocity_local.cli.output import Output
from velocity_local.cli.watching import bar
from velocity_local.core.printable import printable
from velocity_local.core.units import milliseconds
from velocity_local.lens.cost import monthly
from velocity_local.lens.events import Began, Event, Preparing, Progress
from velocity_local.lens.goodness import good_share, goodput_per_s
from velocity_local.lens.results import ItlKind, Metric, RunResult
from velocity_local.lens.samples import collect, output_tokens

_ROWS = (
    ("time to first token", Metric.TTFT_MS),
    ("time to first output", Metric.TTFO_MS),
    ("between tokens", Metric.ITL_MS),
    ("time per output token", Metric.TPOT_MS),
    ("whole request", Metric.E2E_MS),
    ("connecting", Metric.CONNECT_MS),
    ("queue (server)", Metric.QUEUE_MS),
    ("prefill (server)", Metric.PREFILL_MS),
)
_PERCENTS = (50, 90, 95, 99)


class Live:
    """Shows progress on two moving lines: cheap, since it runs in the loop that measures."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._began = Began("", "", None, None)

    def __call__(self, event: Event) -> None:
        match event:
            case Preparing():
                self._out.progress(f"{event.what} ...")
            case Began():
                self._began = event
            case Progress():
                self._out.progress("\n".join(filter(None, (self._head(event), _tails(event)))))
            case _:
                pass

    def _head(self, now: Progress) -> str:
        goal = self._began.n_requests
        parts = [bar(self._share(now)), f"{now.n_done} of {goal}" if goal else f"{now.n_done}"]
        if now.n_failed:
            parts.append(f"{now.n_failed} failed")
        parts += [f"{now.n_running} running", f"{now.elapsed_s:.0f} s"]
        if now.elapsed_s > 0:
            parts.append(f"{now.n_done / now.elapsed_s:.1f}/s")
            parts.append(f"{now.n_output_tokens / now.elapsed_s:.0f} tokens/s")
        return "  ".join(parts)

    def _share(self, now: Progress) -> float:
        """How far it is, by requests or by time, whichever ends it first."""
        began = self._began
        by_requests = now.n_done / began.n_requests if began.n_requests else 0.0
        by_time = now.elapsed_s / began.duration_s if began.duration_s else 0.0
        return min(1.0, max(by_requests, by_time))


def _tails(now: Progress) -> str:
    """Percentiles of the latest requests, where they are known."""
    parts = []
    if now.ttft_p50_ms is not None:
        parts.append(f"TTFT p50 {_ms(now.ttft_p50_ms)}, p99 {_ms(now.ttft_p99_ms)}")
    if now.itl_p50_ms is not None:
        parts.append(f"ITL p50 {_ms(now.itl_p50_ms)}, p99 {_ms(now.itl_p99_ms)}")
    return "   ".join(parts)


def show(out: Output, result: RunResult) -> None:
    """The figures of a run, with what speaks against them last, where it is seen."""
    out.fields(dict(_about(result)))
    out.line()
    rows = list(_table(result))
    if rows:
        out.table(("", "MEAN", *(f"P{percent}" for percent in _PERCENTS), "MAX"), rows)
        out.line()
    out.fields(dict(_rates(result)))
    for note in notes(result):
        out.note(note)


def notes(result: RunResult) -> list[str]:
    """What a reader must know beside the figures."""
    found = []
    if result.itl_kind is ItlKind.CHUNK and collect([result], Metric.ITL_MS) is not None:
        found.append("Times between tokens are between chunks: this server tells no token's time.")
    failed = next((record for record in result.records if record.error_kind is not None), None)
    if failed is not None and failed.error_kind != "interrupted":
        found.append(f"The first failure: {printable(failed.error_message or '')}.")
    if result.partial_reason is not None:
        found.append(f"PARTIAL: the run was {result.partial_reason}; these figures are its part.")
    if result.void_reason is not None:
        found.append(f"VOID: {result.void_reason}.")
    return found


def _about(result: RunResult) -> Iterable[tuple[str, str]]:
    load = result.load
    yield "run", f"{result.id}  {result.name}"
    if result.pairing is not None:
        yield "in turns", result.pairing.side.value
    yield "model", f"{result.model} ({result.provider})"
    yield "workload", result.workload
    yield "cache", result.cache_state.value
    size = streams(load.concurrency) if load.concurrency else ""
    rate = f"{load.rate_per_s:g} requests/s" if load.rate_per_s else ""
    workers = f"from {load.detail['workers']} workers" if "workers" in load.detail else ""
    kind = load.kind.value
    yield "load", ", ".join(part for part in (kind, size, rate, workers) if part)


def streams(n: int) -> str:
    return "1 stream" if n == 1 else f"{n} streams"


def _table(result: RunResult) -> Iterable[Sequence[str]]:
    for title, metric in _ROWS:
        values = collect([result], metric)
        if values is None or _is_repeated(result, metric):
            continue
        percentiles = [_ms(values.percentile(percent)) for percent in _PERCENTS]
        yield (title, _ms(values.mean), *percentiles, _ms(values.percentile(100)))


def _is_repeated(result: RunResult, metric: Metric) -> bool:
    """Without reasoning the first output is the first token."""
    if metric is not Metric.TTFO_MS:
        return False
    return all(record.ttfo_ms == record.ttft_ms for record in result.records)


def _rates(result: RunResult) -> Iterable[tuple[str, str]]:
    errors = ", ".join(f"{n} {kind}" for kind, n in sorted(result.n_errors.items()))
    failed = f", {sum(result.n_errors.values())} failed ({errors})" if errors else ""
    wrong = f", {result.n_wrong} wrong" if result.n_wrong else ""
    yield "requests", f"{result.n_requests}{failed}{wrong} in {result.duration_s:.2f} s"
    if result.n_retries:
        yield "retries", str(result.n_retries)
    if result.duration_s > 0:
        tokens = output_tokens(result) or 0
        rates = f"{result.n_requests / result.duration_s:.2f} requests/s"
        yield "throughput", f"{rates}, {tokens / result.duration_s:.1f} output tokens/s"
    if result.n_good is not None:
        share, rate = good_share(result), goodput_per_s(result)
        yield "within SLO", f"{share:.1%} of requests, {rate:.2f} requests/s"
    if result.cost is not None:
        yield from _costs(result, result.cost)
    energy = result.energy
    if energy is not None:
        n_tokens = output_tokens(result)
        each = f", {energy.joules / n_tokens:.3f} J a token" if n_tokens else ""
        spread = f"{energy.joules:.1f} ± {energy.uncertainty_joules:.1f} J above idle"
        yield "energy", f"{spread}{each} ({energy.method})"
    overhead = result.client_overhead
    if overhead is not None:
        delay = f"{overhead.delay_p50_ms:.2f} ms p50, {overhead.delay_p99_ms:.2f} ms p99"
        yield "client", f"delay {delay}; {overhead.cpu_share:.0%} of a core"


def _costs(result: RunResult, cost: float) -> Iterable[tuple[str, str]]:
    unit = result.currency or ""
    yield "cost", f"{cost:.4f} {unit} (prices of {result.prices_dated})"
    if result.batch_cost is not None:
        yield "as a batch", f"{result.batch_cost:.4f} {unit}"
    good = result.n_requests - sum(result.n_errors.values()) - result.n_wrong
    which = "answers"
    if result.n_good is not None:
        good, which = result.n_good, "requests within the SLO"
    if good:
        yield f"1,000 {which}", f"{cost / good * 1000:.4f} {unit}"
    if result.duration_s > 0:
        yield "a month at this rate", f"{monthly(cost, result.duration_s):.2f} {unit}"


def _ms(value: float | None) -> str:
    return milliseconds(value)
