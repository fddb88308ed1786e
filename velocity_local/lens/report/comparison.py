"""Two sides of a report held against each other, load by load."""

from collections.abc import Sequence

from velocity_local.lens.compare import Incomparable, Section, Verdict, compare
from velocity_local.lens.conditions import condition_of
from velocity_local.lens.markdown import figure, relative
from velocity_local.lens.quantities import table as table_of
from velocity_local.lens.report.markup import Markup, element, section, table
from velocity_local.lens.report.naming import Names, load_name
from velocity_local.lens.report.views import title_of
from velocity_local.lens.results import RunResult

_QUANTITIES = table_of("ttft_ms:p50", "tpot_ms:p50", "e2e_ms:p50", "total_output_tokens_per_s")
"""Time per output token and no single gaps: a server that guesses sends tokens in bursts."""
_CLASSES = {Verdict.BETTER: "better", Verdict.WORSE: "worse"}


def comparison(runs: Sequence[RunResult], names: Names) -> Markup | None:
    """What the first side is against the second; None unless there are two that were asked the
    same.
    """
    if len(names.sides) != 2:
        return None
    first, second = names.sides
    sides = {side: [run for run in runs if names.side(run) == side] for side in names.sides}
    try:
        found = compare(sides[second], sides[first], quantities=_QUANTITIES)
    except Incomparable:
        return None
    head: list[object] = ["", "figure", second, first, "change", f"{first} is"]
    loads = {condition_of(run): load_name(run) for run in runs}
    rows = [row for each in found.sections for row in _rows(each, loads[each.condition])]
    caption = f"{first} against {second}, with 95 % confidence intervals"
    notes = dict.fromkeys(note for each in found.sections for note in each.notes)
    return section(
        "Comparison",
        table(head, rows, caption=caption),
        [element("p", note, class_="summary") for note in notes],
    )


def _rows(found: Section, load: str) -> list[list[object]]:
    return [
        [
            load,
            title_of(row.quantity),
            figure(row.before),
            figure(row.after),
            relative(row),
            element("span", row.verdict.value, class_=_CLASSES.get(row.verdict)),
        ]
        for row in found.rows
    ]
