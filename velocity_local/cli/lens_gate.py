"""The verbs lens compare and lens gate."""

from pathlib import Path

from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.lens_sources import runs_of, write_text
from velocity_local.lens.compare import Comparison, Incomparable, Section
from velocity_local.lens.compare import compare as compare_runs
from velocity_local.lens.gate import Gate, judge
from velocity_local.lens.junit import junit
from velocity_local.lens.markdown import comparison_markdown, figure, gate_markdown, relative
from velocity_local.lens.quantities import SHOWN, BadQuantity, parse
from velocity_local.lens.rules import DEFAULT, BadRule, Rule, RuleKind, parse_rules
from velocity_local.lens.webhook import NotTold, check_address, tell


def compare(call: Call) -> int:
    """Two sides, figure by figure, and which differences are more than chance."""
    try:
        quantities = tuple(map(parse, call.args.metric)) or SHOWN
        found = compare_runs(
            runs_of(call, call.args.before), runs_of(call, call.args.after), quantities=quantities
        )
    except BadQuantity as error:
        raise CliError(str(error), code=Exit.USAGE) from error
    except Incomparable as error:
        raise CliError(str(error)) from error
    if call.args.markdown:
        write_text(call.args.markdown, comparison_markdown(found))
    if call.args.json:
        call.out.json("lens-compare/1", comparison=found)
    else:
        _show_comparison(call, found)
    return Exit.OK


def gate(call: Call) -> int:
    """Hold runs to rules; exit status 6 says that one failed."""
    rules = _rules(call)
    if call.args.webhook:
        _check_webhook(call.args.webhook)
    before = runs_of(call, call.args.baseline) if call.args.baseline else []
    if not before and any(rule.kind is not RuleKind.LIMIT for rule in rules):
        raise CliError(
            "a change needs a baseline to be held against",
            code=Exit.USAGE,
            next_step="add --baseline NAME, or give limits only, as in --rule 'ttft_ms:p99 <= 500'",
        )
    try:
        found = judge(
            runs_of(call, call.args.after), before, rules=rules, is_strict=call.args.strict
        )
    except Incomparable as error:
        raise CliError(str(error)) from error
    _write_gate(call, found)
    if not found.is_passed and call.args.webhook:
        _tell(call, found)
    return Exit.OK if found.is_passed else Exit.GATE_FAILED


def _rules(call: Call) -> tuple[Rule, ...]:
    lines = list(call.args.rule)
    try:
        if call.args.rules:
            lines += Path(call.args.rules).read_text(encoding="utf-8").splitlines()
        rules = parse_rules(lines)
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"cannot read the rules in {call.args.rules}: {error}") from error
    except BadRule as error:
        raise CliError(str(error), code=Exit.USAGE) from error
    return rules or DEFAULT


def _write_gate(call: Call, found: Gate) -> None:
    if call.args.junit:
        write_text(call.args.junit, junit(found))
    if call.args.markdown:
        write_text(call.args.markdown, gate_markdown(found))
    if call.args.json:
        call.out.json("lens-gate/1", gate=found)
    else:
        _show_gate(call, found)


def _show_gate(call: Call, found: Gate) -> None:
    several = len({check.condition for check in found.checks}) > 1
    rows = []
    for check in found.checks:
        row = (check.outcome.value.upper(), check.rule, check.message)
        rows.append((*row, check.condition) if several else row)
    head = ("OUTCOME", "RULE", "MEASURED")
    call.out.table((*head, "CONDITION") if several else head, rows)
    if found.answers.changed:
        changed = ", ".join(found.answers.changed[:5])
        n = f"{len(found.answers.changed)} of {found.answers.n_compared}"
        call.out.line(f"FAILED: {n} prompts are answered otherwise than before: {changed}")
    for one in found.differences:
        call.out.note(f"differs: {one.name} {_values(one.before)} -> {_values(one.after)}")
    for note in found.notes:
        call.out.note(note)
    call.out.note("The gate passed." if found.is_passed else "The gate failed.")


def _show_comparison(call: Call, found: Comparison) -> None:
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
        call.out.line(f"differs: {one.name}: {_values(one.before)} -> {_values(one.after)}")
    for note in section.notes:
        call.out.note(f"note: {note}")


def _values(values: tuple[object, ...]) -> str:
    return ", ".join("not known" if value is None else str(value) for value in values)


def _check_webhook(address: str) -> None:
    try:
        check_address(address)
    except NotTold as error:
        raise CliError(str(error), code=Exit.USAGE) from error


def _tell(call: Call, found: Gate) -> None:
    """What the webhook says does not change what the gate says."""
    try:
        tell(call.args.webhook, found, subject=call.args.after)
    except NotTold as error:
        call.out.note(f"warning: {error}")
