"""A comparison as a person reads it."""

from velocity_local.cli.call import Call
from velocity_local.lens.compare import Comparison, Section
from velocity_local.lens.markdown import figure, relative


def show_comparison(call: Call, found: Comparison) -> None:
    """Figure by figure, with what differs besides, and what to know of it."""
    for section in found.sections:
        call.out.line(section.condition.name)
        _show_section(call, section)
        call.out.line()
    for side, conditions in (("before", found.only_before), ("after", found.only_after)):
        for condition in conditions:
            call.out.note(f"only {side}: {condition.name}")


def _show_section(call: Call, section: Section) -> None:
    rows = [
        (row.quantity.name, figure(row.before), figure(row.after), relative(row), row.verdict.value)
        for row in section.rows
    ]
    call.out.table(("FIGURE", "BEFORE", "AFTER", "CHANGE", "VERDICT"), rows)
    if section.answers.changed:
        n = f"{len(section.answers.changed)} of {section.answers.n_compared}"
        call.out.line(f"{n} prompts are answered otherwise than before")
    for one in section.differences:
        call.out.line(f"differs: {one.name}: {values(one.before)} -> {values(one.after)}")
    for note in section.notes:
        call.out.note(f"note: {note}")


def values(of: tuple[object, ...]) -> str:
    """A fact's values on one side."""
    return ", ".join("not known" if value is None else str(value) for value in of)
