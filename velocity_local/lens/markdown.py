"""Comparisons and gates as Markdown (GitHub's tables), for a pull request or a job's summary."""

import re
from collections.abc import Iterable, Sequence

from velocity_local.core.printable import printable
from velocity_local.lens.changes import Estimate
from velocity_local.lens.compare import Comparison, Row, Section, Verdict
from velocity_local.lens.conditions import Difference
from velocity_local.lens.gate import Gate, Outcome

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#!|~&])")
_MARKS = {
    Outcome.PASSED: "✅ passed",
    Outcome.FAILED: "❌ failed",
    Outcome.UNDECIDED: "❔ undecided",
    Outcome.ABSENT: "❔ absent",
}
_VERDICTS = {Verdict.BETTER: "**better**", Verdict.WORSE: "**worse**"}


def gate_markdown(gate: Gate) -> str:
    """The outcome of a gate."""
    lines = [f"## Latency gate: {'passed' if gate.is_passed else 'failed'}", ""]
    lines += _table(
        ("rule", "outcome", "measured"),
        [(_code(c.rule), _MARKS[c.outcome], escape(c.message)) for c in gate.checks],
    )
    conditions = dict.fromkeys(check.condition for check in gate.checks)
    lines += ["", "Measured under: " + "; ".join(map(escape, conditions)) + "."]
    lines += _answers(gate.answers.n_compared, gate.answers.changed)
    lines += _differences(gate.differences)
    lines += [f"- {escape(note)}" for note in gate.notes]
    return "\n".join(lines) + "\n"


def comparison_markdown(comparison: Comparison) -> str:
    """Both sides of a comparison, condition by condition."""
    lines: list[str] = []
    for section in comparison.sections:
        lines += _section(section)
    for side, conditions in (
        ("before", comparison.only_before),
        ("after", comparison.only_after),
    ):
        lines += [f"- only {side}: {escape(condition.name)}" for condition in conditions]
    return "\n".join(lines) + "\n"


def figure(found: Estimate) -> str:
    """A figure with its interval, if it has one."""
    if found.low is None or found.high is None:
        return f"{found.value:.4g}"
    return f"{found.value:.4g} ({found.low:.4g} to {found.high:.4g})"


def relative(row: Row) -> str:
    """A change in percent with its interval."""
    if row.change is None:
        return ""
    if row.change_low is None or row.change_high is None:
        return f"{row.change:+.1%}"
    return f"{row.change:+.1%} ({row.change_low:+.1%} to {row.change_high:+.1%})"


def escape(text: str) -> str:
    """Text that stays text: no markup, no table cell, no HTML."""
    return _SPECIAL.sub(r"\\\1", printable(text).replace("\n", " ").replace("\t", " "))


def _section(section: Section) -> list[str]:
    lines = [f"## {escape(section.condition.name)}", ""]
    lines.append(f"{section.n_runs_before} run(s) before, {section.n_runs_after} after.")
    lines.append("")
    lines += _table(
        ("figure", "before", "after", "change", "p", "verdict"),
        [
            (
                _code(row.quantity.name),
                figure(row.before),
                figure(row.after),
                relative(row),
                "" if row.p_value is None else f"{row.p_value:.2g}",
                _VERDICTS.get(row.verdict, row.verdict.value),
            )
            for row in section.rows
        ],
    )
    lines += _answers(section.answers.n_compared, section.answers.changed)
    lines += _differences(section.differences)
    return [*lines, *(f"- {escape(note)}" for note in section.notes), ""]


def _answers(n_compared: int, changed: Sequence[str]) -> list[str]:
    if not changed:
        return []
    named = ", ".join(map(escape, changed[:10])) + (" …" if len(changed) > 10 else "")
    return ["", f"**{len(changed)} of {n_compared} prompts are answered otherwise**: {named}"]


def _differences(found: Iterable[Difference]) -> list[str]:
    rows = [(escape(one.name), _values(one.before), _values(one.after)) for one in found]
    if not rows:
        return []
    return ["", "Not the same on both sides:", "", *_table(("fact", "before", "after"), rows), ""]


def _values(values: Sequence[object]) -> str:
    return ", ".join("not known" if value is None else escape(str(value)) for value in values)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def _code(text: str) -> str:
    """Names of ours: letters, digits, and what rules are made of."""
    return f"`{text}`"
