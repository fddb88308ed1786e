"""The verbs lens compare and lens gate."""

from pathlib import Path

from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.lens_compared import show_comparison, values
from velocity_local.cli.lens_sources import runs_of, write_text
from velocity_local.lens.compare import Incomparable
from velocity_local.lens.compare import compare as compare_runs
from velocity_local.lens.gate import Gate, judge
from velocity_local.lens.junit import junit
from velocity_local.lens.markdown import comparison_markdown, gate_markdown
from velocity_local.lens.paired import as_it_is, sides
from velocity_local.lens.quantities import SHOWN, BadQuantity, parse
from velocity_local.lens.results import RunResult
from velocity_local.lens.rules import DEFAULT, BadRule, Rule, RuleKind, parse_rules
from velocity_local.lens.webhook import NotTold, check_address, tell

Sides = tuple[list[RunResult], list[RunResult]]


def compare(call: Call) -> int:
    """Two sides, figure by figure, and which differences are more than chance."""
    try:
        quantities = tuple(map(parse, call.args.metric)) or SHOWN
        before, after = _both(call)
        found = compare_runs(before, after, quantities=quantities)
    except BadQuantity as error:
        raise CliError(str(error), code=Exit.USAGE) from error
    except Incomparable as error:
        raise CliError(str(error)) from error
    if call.args.markdown:
        write_text(call.args.markdown, comparison_markdown(found))
    if call.args.json:
        call.out.json("lens-compare/1", comparison=found)
    else:
        show_comparison(call, found)
    return Exit.OK


def gate(call: Call) -> int:
    """Hold runs to rules; exit status 6 says that one failed."""
    rules = _rules(call)
    if call.args.webhook:
        _check_webhook(call.args.webhook)
    before, after = _held(call)
    if not before and any(rule.kind is not RuleKind.LIMIT for rule in rules):
        raise CliError(
            "a change needs a baseline to be held against",
            code=Exit.USAGE,
            next_step="add --baseline NAME, measure with lens run --beside, or give limits only,"
            " as in --rule 'ttft_ms:p99 <= 500'",
        )
    try:
        found = judge(after, before, rules=rules, is_strict=call.args.strict)
    except Incomparable as error:
        raise CliError(str(error)) from error
    _write_gate(call, found)
    if not found.is_passed and call.args.webhook:
        _tell(call, found)
    return Exit.OK if found.is_passed else Exit.GATE_FAILED


def _both(call: Call) -> Sides:
    """What is compared: two sources, or one of runs that were made in turns."""
    first = runs_of(call, call.args.before)
    if call.args.after is not None:
        return as_it_is(first), as_it_is(runs_of(call, call.args.after))
    found = sides(first)
    if found is None:
        raise CliError(
            f"{call.args.before} holds no runs made in turns: what is it to be compared with?",
            code=Exit.USAGE,
            next_step="give a second source, or measure with lens run --beside",
        )
    return found


def _held(call: Call) -> Sides:
    """The baseline and what is held against it; runs made in turns have their own baseline."""
    runs = runs_of(call, call.args.after)
    if call.args.baseline:
        return as_it_is(runs_of(call, call.args.baseline)), as_it_is(runs)
    return sides(runs) or ([], runs)


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
        call.out.note(f"differs: {one.name} {values(one.before)} -> {values(one.after)}")
    for note in found.notes:
        call.out.note(note)
    call.out.note("The gate passed." if found.is_passed else "The gate failed.")


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
