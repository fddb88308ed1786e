"""The command line in this process: arguments in, both outputs and the exit status back."""

import io
from collections.abc import Mapping
from dataclasses import dataclass

from velocity_local.cli.main import run
from velocity_local.cli.output import Output


class Screen(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str


def cli(
    *arguments: str, environ: Mapping[str, str] | None = None, is_terminal: bool = False
) -> Ran:
    """Run one command as from a shell."""
    out, err = (Screen(), Screen()) if is_terminal else (io.StringIO(), io.StringIO())
    status = run(arguments, environ or {}, Output(out, err, colour=is_terminal))
    return Ran(status, out.getvalue(), err.getvalue())
