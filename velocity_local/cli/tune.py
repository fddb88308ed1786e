"""The verb tune: measure how a model runs best here. The daemon does it; this looks on."""

from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.options import shown
from velocity_local.cli.output import Output
from velocity_local.cli.waiting import Pause
from velocity_local.cli.watching import bar, watch
from velocity_local.client import tuning as api
from velocity_local.client.http import HttpClient
from velocity_local.core.tuning import TuneStep
from velocity_local.core.units import duration
from velocity_local.wire.http.tuning import TuneAsk, TuningItem


def tune(call: Call) -> int:
    """Measure and wait; or forget what was measured."""
    client = call.connect()
    if call.args.forget:
        return _forget(call, client)
    ask = TuneAsk(call.args.model, call.args.budget, call.args.allow_quality)
    started = api.start(client, ask)
    try:
        ended = follow(client, started, call.out)
    except KeyboardInterrupt:
        api.cancel(client, started.id)
        call.out.note("Cancelled; nothing was changed.")
        return Exit.INTERRUPTED
    return _finish(call, ended)


def follow(
    client: HttpClient, started: TuningItem, out: Output, *, pause: Pause | None = None
) -> TuningItem:
    """Show a measurement until it has ended.

    Raises:
        CliError: if the daemon goes away.
    """
    n_told = 0

    def probe() -> TuningItem | None:
        nonlocal n_told
        now = api.tuning(client, started.id)
        for step in now.steps[n_told:]:
            out.note(_line(step))
        n_told = len(now.steps)
        out.progress(progress_line(now))
        return now if now.state != "running" else None

    return watch(probe, out, "the measurement", pause=pause)


def progress_line(now: TuningItem) -> str:
    """`[######------------------]  25 %  n_threads 4, round 2`."""
    return f"{bar(now.share)} {int(100 * now.share):3d} %  {now.doing}"


def _line(step: TuneStep) -> str:
    """What came of one value, on one line."""
    what = f"  {step.key} {shown(step.value)}"
    if step.cost is None:
        return f"{what}: refused by the engine ({step.problem})"
    if step.key == "speculation":
        return f"  guessing, {shown(step.value)}: {step.cost:.2f} of the time without is expected"
    verdict = "better" if step.is_better else step.objection or "no clear gain"
    against = f"of the time with {shown(step.against)}"
    return f"{what}: {step.cost:.2f} {against} over {step.rounds} rounds, {verdict}"


def _finish(call: Call, ended: TuningItem) -> int:
    if call.args.json:
        call.out.json("tune/1", tuning=ended)
    if ended.state == "failed":
        raise CliError(ended.error or "the measurement failed")
    if ended.state == "cancelled":
        raise CliError("the measurement was cancelled by somebody else")
    if not call.args.json:
        _tell(call.out, ended)
    return Exit.OK


def _tell(out: Output, ended: TuningItem) -> None:
    given = {} if ended.values is None else ended.values.given()
    for key, value in given.items():
        out.line(f"{key} = {shown(value)}")
    if given and ended.cost is not None:
        out.note(f"With this it needs {ended.cost:.2f} of the time. Used from its next load on.")
    elif ended.steps:
        out.note("Nothing tried is clearly faster than the defaults, which stay.")
    if ended.values is not None and ended.values.pass_ms:
        out.note("Guessing begins with what it was found to cost.")
    if ended.fixed:
        out.note(f"Left alone, because they are set: {', '.join(ended.fixed)}.")
    if ended.unmeasured:
        out.note(f"No time was left for: {', '.join(ended.unmeasured)}; try --budget with more.")
    if ended.ended_s is not None:
        out.note(f"It took {duration(ended.ended_s - ended.created_s)}.")
    out.note(f"Where each value comes from: velocity-local show {ended.model} --effective")


def _forget(call: Call, client: HttpClient) -> int:
    options = api.forget(client, call.args.model)
    if call.args.json:
        call.out.json("options/1", options=options)
    else:
        call.out.note(f"{options.model} is loaded as if it had never been measured.")
    return Exit.OK
