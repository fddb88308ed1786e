"""One invocation of the command line: what a verb is given."""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.output import Output

if TYPE_CHECKING:
    from velocity_local.client.daemon import LocalDaemon
    from velocity_local.client.http import HttpClient

HOST_VARIABLE = "VELOCITY_HOST"
KEY_VARIABLE = "VELOCITY_API_KEY"


@dataclass(frozen=True, slots=True)
class Call:
    """Parsed arguments, the environment, and where to write. `args` holds what the table says."""

    args: argparse.Namespace
    environ: Mapping[str, str]
    out: Output

    @property
    def host(self) -> str | None:
        """The daemon's address, if one was given by flag or variable."""
        given = getattr(self.args, "host", None) or self.environ.get(HOST_VARIABLE)
        return given or None

    def local(self) -> "LocalDaemon":
        from velocity_local.client.daemon import LocalDaemon  # noqa: PLC0415 - not for --help
        from velocity_local.config import paths  # noqa: PLC0415 - not for --help

        return LocalDaemon(paths.locate(self.environ))

    def connect(self) -> "HttpClient":
        """A client for the daemon this command is about.

        Raises:
            CliError: if none is given and this user's daemon does not run.
        """
        from velocity_local.client.http import HttpClient  # noqa: PLC0415 - not for --help

        if self.host is not None:
            return HttpClient(self.address(), secret=self.environ.get(KEY_VARIABLE))
        local = self.local()
        record = local.record()
        if record is None:
            raise CliError(
                "the daemon does not run",
                code=Exit.UNREACHABLE,
                next_step="velocity-local start",
            )
        return local.client(record)

    def confirm(self, question: str) -> bool:
        """Whether a person agrees, or said so beforehand with --yes.

        Raises:
            CliError: if there is nobody to ask.
        """
        if self.args.yes:
            return True
        if not sys.stdin.isatty():
            raise CliError("deleting asks first", code=Exit.USAGE, next_step="add --yes")
        return self.out.ask(f"{question} [y/N] ").strip().lower() in {"y", "yes"}

    def address(self) -> str:
        """The base URL that was given.

        Raises:
            CliError: if it is no address.
        """
        from velocity_local.client.daemon import parse_address  # noqa: PLC0415 - not for --help

        assert self.host is not None
        try:
            return parse_address(self.host)
        except ValueError as error:
            raise CliError(str(error), code=Exit.USAGE) from error
