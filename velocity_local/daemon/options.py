"""The daemon's own flags. Each becomes an override of a setting; nothing else is decided here."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line; `overrides` maps `section.key` to its text."""

    overrides: dict[str, object]
    config: Path | None


def parse(arguments: Sequence[str]) -> Options:
    """The options; exits with status 2 and a usage line if they are not valid."""
    parser = argparse.ArgumentParser(
        prog="python -m velocity_local.daemon", description="Run the daemon in the foreground."
    )
    parser.add_argument("--host", help="address to listen on (server.host)")
    parser.add_argument("--port", help="port to listen on; 0 picks a free one (server.port)")
    parser.add_argument("--config", type=Path, help="configuration file instead of the user's")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="override one setting; may be repeated",
    )
    given = parser.parse_args(arguments)
    overrides: dict[str, object] = {"server.host": given.host, "server.port": given.port}
    for assignment in given.set:
        key, separator, value = assignment.partition("=")
        if not separator:
            parser.error(f"--set {assignment}: write it as section.key=value")
        overrides[key] = value
    return Options(
        {key: value for key, value in overrides.items() if value is not None}, given.config
    )
