"""Runs as the lens would tell them, for tests that feed the Bench screen its values."""

import math

from velocity_tui.bench import (
    Began,
    ComparedFigure,
    ComparedSection,
    Comparison,
    Course,
    Figure,
    KeptRun,
    Progress,
    Quantity,
)

FIGURES = {
    "ttft_ms:p50": 42.0,
    "ttft_ms:p95": 88.0,
    "ttft_ms:p99": 131.0,
    "itl_ms:p50": 11.2,
    "itl_ms:p99": 24.9,
    "tpot_ms:p50": 11.9,
    "e2e_ms:p50": 812.0,
    "e2e_ms:p99": 1240.0,
    "queue_ms:p50": 0.4,
    "prefill_ms:p50": 31.0,
    "total_output_tokens_per_s:mean": 311.0,
    "requests_per_s:mean": 4.9,
    "error_share:mean": 0.0,
}
CONDITION = "run, synthetic: 128 tokens in, 64 out, cache cold, concurrency, 4 at once"


def kept(number: int, *, slower: float = 1.0) -> KeptRun:
    """The run of that day, some percent off from the one before."""
    wave = slower * (1 + 0.1 * math.sin(number))
    figures = {
        name: Figure(value * wave, 40, value * wave * 0.93, value * wave * 1.06)
        for name, value in FIGURES.items()
    }
    return KeptRun(
        id=f"6920{number:04x}-ab",
        started_at_s=1.7e9 + number * 86_400,
        name="run",
        model="demo",
        condition=CONDITION,
        n_requests=40,
        figures=figures,
    )


def course(n_samples: int = 60) -> Course:
    """A run of 40 requests on its way."""
    samples = tuple(
        Progress(
            elapsed_s=number / 4,
            n_done=number // 2,
            n_failed=0,
            n_running=4,
            n_output_tokens=round(78 * number + 40 * math.sin(number / 5)),
            ttft_p50_ms=None if number < 4 else 40 + 6 * math.sin(number / 7),
            ttft_p99_ms=None if number < 4 else 90 + 30 * math.sin(number / 9),
            itl_p50_ms=11 + math.sin(number / 6),
            itl_p99_ms=22 + 5 * math.cos(number / 6),
        )
        for number in range(1, n_samples + 1)
    )
    return Course(Began("run", "demo", 40), "", samples)


def comparison() -> Comparison:
    """Two runs, the second one slower to its first token."""
    before, after = kept(8), kept(9, slower=1.1)
    verdicts = {"ttft_ms:p50": "worse", "itl_ms:p50": "better"}
    rows = []
    for number, (name, figure) in enumerate(before.figures.items()):
        metric, _, statistic = name.partition(":")
        percent = None if statistic == "mean" else float(statistic[1:])
        change = after.figures[name].value / figure.value - 1 if figure.value else None
        rows.append(
            ComparedFigure(
                quantity=Quantity(metric, percent),
                before=figure,
                after=after.figures[name],
                verdict=verdicts.get(name, "not distinguishable"),
                change=change,
                change_low=None if change is None else change - 0.02 * (number + 1),
                change_high=None if change is None else change + 0.03 * (number + 1),
            )
        )
    notes = ("one run on each side: give several runs of each",)
    return Comparison((ComparedSection(tuple(rows), notes),))
