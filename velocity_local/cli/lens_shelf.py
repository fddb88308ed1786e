"""The verbs of the lens's memory: lens list, delete, baseline and trend."""

from collections.abc import Callable

from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.lens_sources import runs_of, shelf
from velocity_local.core.clock import SystemClock
from velocity_local.core.units import moment
from velocity_local.lens.markdown import figure
from velocity_local.lens.paired import as_it_is
from velocity_local.lens.quantities import BadQuantity, Quantity, parse
from velocity_local.lens.store.runs import Listed, Point, RunFilter

_DAY_S = 86_400.0
_LISTED = ("WHEN", "RUN", "MODEL", "CONDITION", "REQUESTS", "")
_BAR = "▏▎▍▌▋▊▉█"
_BAR_WIDTH = 20


def baseline(call: Call) -> int:
    """List baselines, give a name to runs, or take one away."""
    return _ACTIONS[call.args.action](call)


def _list(call: Call) -> int:
    with shelf(call) as opened:
        known = opened.baselines()
    if call.args.json:
        call.out.json("lens-baselines/1", baselines=known)
    elif known:
        rows = [(one.name, moment(one.made_at_s), ", ".join(one.run_ids)) for one in known]
        call.out.table(("NAME", "MADE", "RUNS"), rows)
    else:
        call.out.note("No baseline is kept.")
    return Exit.OK


def _set(call: Call) -> int:
    """Name runs as a baseline; runs of a file are kept first."""
    name = _name(call)
    if call.args.source is None:
        raise CliError(
            "which runs?", code=Exit.USAGE, next_step=f"lens baseline set {name} FILE-OR-RUN"
        )
    made = as_it_is(runs_of(call, call.args.source))
    void = [run for run in made if run.void_reason is not None]
    if void:
        raise CliError(f"run {void[0].id} is void ({void[0].void_reason}); measure it again")
    with shelf(call) as opened:
        opened.save(made)
        opened.set_baseline(name, [run.id for run in made])
    call.out.note(f"Baseline {name}: {len(made)} run(s).")
    return Exit.OK


def _delete(call: Call) -> int:
    name = _name(call)
    with shelf(call) as opened:
        opened.drop_baseline(name)
    call.out.note(f"Baseline {name} is gone; its runs are kept.")
    return Exit.OK


def _name(call: Call) -> str:
    if call.args.name is None:
        action = call.args.action
        raise CliError(f"which baseline to {action}?", code=Exit.USAGE, next_step="give its name")
    return str(call.args.name)


def list_(call: Call) -> int:
    """The kept runs, newest first."""
    with shelf(call) as opened:
        kept = opened.newest(_filter(call), limit=call.args.limit)
    if call.args.json:
        call.out.json("lens-runs/1", runs=kept)
    elif kept:
        call.out.table(_LISTED, list(map(_kept, kept)))
    else:
        call.out.note("No run is kept.")
    return Exit.OK


def delete(call: Call) -> int:
    """Forget one run."""
    with shelf(call) as opened:
        opened.delete(call.args.run)
    call.out.note(f"Run {call.args.run} is forgotten.")
    return Exit.OK


def trend(call: Call) -> int:
    """One figure of the kept runs over time."""
    try:
        quantity = parse(call.args.metric)
    except BadQuantity as error:
        raise CliError(str(error), code=Exit.USAGE) from error
    with shelf(call) as opened:
        points = opened.trend(quantity, _filter(call), limit=call.args.limit)
    if call.args.json:
        call.out.json("lens-trend/1", quantity=quantity.name, points=points)
    elif points:
        _show(call, quantity, points)
    else:
        call.out.note(f"No kept run has {quantity.name}.")
    return Exit.OK


def _filter(call: Call) -> RunFilter:
    return RunFilter(
        name=call.args.name,
        model=call.args.model,
        provider=call.args.provider,
        scenario=call.args.scenario,
        since_s=_since_s(call.args.days),
    )


def _kept(run: Listed) -> tuple[str, ...]:
    void = "" if run.void_reason is None else f"void: {run.void_reason}"
    when = moment(run.started_at_s)
    return (when, run.id, run.model, run.condition, str(run.n_requests), void)


def _since_s(days: float | None) -> float:
    return 0.0 if days is None else SystemClock().wall_s() - days * _DAY_S


def _show(call: Call, quantity: Quantity, points: list[Point]) -> None:
    largest = max(point.estimate.value for point in points)
    rows = [
        (
            moment(point.started_at_s),
            point.run_id,
            point.model,
            point.condition,
            figure(point.estimate),
            _bar(point.estimate.value, largest),
        )
        for point in points
    ]
    call.out.table(("WHEN", "RUN", "MODEL", "CONDITION", quantity.name.upper(), ""), rows)


def _bar(value: float, largest: float) -> str:
    """The value's length beside the largest one's, in eighths of a character."""
    eighths = round(value / largest * _BAR_WIDTH * 8) if largest > 0 else 0
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_BAR[rest - 1] if rest else "")


_ACTIONS: dict[str, Callable[[Call], int]] = {"list": _list, "set": _set, "delete": _delete}
