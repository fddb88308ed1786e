"""The verb lens report."""

from pathlib import Path

from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.lens_sources import runs_of, write_results, write_text
from velocity_local.lens import formats
from velocity_local.lens.report.page import page


def report(call: Call) -> int:
    """Runs as one HTML file, or in another format by the file's suffix."""
    runs = runs_of(call, call.args.source)
    target = Path(call.args.out)
    if target.suffix.lower() in {".html", ".htm"}:
        write_text(str(target), page(runs))
    elif target.suffix.lower().lstrip(".") in formats.ENCODERS:
        write_results(target, runs)
    else:
        known = ", ".join(("html", *formats.ENCODERS))
        raise CliError(f"{target.name!r} has no known suffix; known are {known}", code=Exit.USAGE)
    if call.args.json:
        call.out.json("lens-report/1", file=str(target), runs=[run.id for run in runs])
    else:
        call.out.note(f"Wrote {target}.")
    return Exit.OK
