"""The verb logs: the last lines of a log, those of a time on, and those still to come."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.follow import Follower
from velocity_local.config import logfile

Keep = Callable[[str], bool]
_AGE = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_STAMP_LENGTH = len("2026-01-31T23:59:59.999Z")
_ALL_LINES = 1_000_000


def logs(call: Call) -> int:
    """Show a log. Lines without a time of their own belong to the line before them."""
    local = call.local()
    path = local.paths.daemon_log
    if call.args.model:
        path = logfile.worker_log(local.paths.worker_log_dir, call.args.model)
    if not path.exists():
        raise CliError(
            f"there is no log {path} yet", code=Exit.NOT_FOUND, next_step="velocity-local start"
        )
    wanted = _wanted(call.args.filter)
    since = parse_since(call.args.since, now=datetime.now(UTC)) if call.args.since else None
    with Follower(path) as follower:
        for line in _last(path, call.args.lines, since):
            if wanted(line):
                call.out.line(line)
        for line in follower.lines() if call.args.follow else ():
            if wanted(line):
                call.out.line(line)
    return Exit.OK


def parse_since(text: str, *, now: datetime) -> datetime:
    """An age such as 10m, or an ISO time; a time without a zone is local.

    Raises:
        CliError: if it is neither.
    """
    age = _AGE.fullmatch(text)
    if age is not None:
        return now - timedelta(seconds=float(age[1]) * _UNIT_S[age[2]])
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        raise CliError(
            f"--since {text}: write an age (90s, 10m, 2h, 1d) or a time (2026-01-31T12:00)",
            code=Exit.USAGE,
        ) from error


def stamp_of(line: str) -> datetime | None:
    """When a line was written, if it begins with a time."""
    try:
        return datetime.fromisoformat(line[:_STAMP_LENGTH])
    except ValueError:
        return None


def newer(lines: list[str], since: datetime) -> Iterator[str]:
    """From the first line written at `since` or later."""
    begun = False
    for line in lines:
        stamp = None if begun else stamp_of(line)
        begun = begun or (stamp is not None and stamp.tzinfo is not None and stamp >= since)
        if begun:
            yield line


def _last(path: Path, count: int, since: datetime | None) -> Iterator[str]:
    if since is None:
        yield from logfile.tail(path, count)
    else:
        yield from newer(logfile.tail(path, _ALL_LINES), since)


def _wanted(expression: str | None) -> Keep:
    if expression is None:
        return lambda _: True
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise CliError(f"--filter {expression}: {error}", code=Exit.USAGE) from error
    return lambda line: pattern.search(line) is not None
