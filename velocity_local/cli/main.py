"""The command `velocity-local`: finds the verb, runs it, and turns errors into exit codes."""

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.output import Output, OutputLost, standard
from velocity_local.cli.parser import HelpRequested, parse
from velocity_local.client.errors import ApiError, ClientError, Unreachable
from velocity_local.config.errors import ConfigError

Verb = Callable[[Call], int]
_OUT_OF_MEMORY = 507
_ALONE = ("tui",)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    environ: Mapping[str, str] = os.environ  # noqa: TID251 - the CLI's one look at it
    out = standard(no_colour=bool(environ.get("NO_COLOR")) or environ.get("TERM") == "dumb")
    return run(sys.argv[1:] if arguments is None else arguments, environ, out)


def run(arguments: Sequence[str], environ: Mapping[str, str], out: Output) -> int:
    """As `main`, with everything it depends on passed in."""
    try:
        return _run(arguments, environ, out)
    except KeyboardInterrupt:
        out.note("")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        _let_go_of_output()
        return Exit.OK
    except OutputLost as error:
        _let_go_of_output()
        out.error(error.message)
        return error.code


def _run(arguments: Sequence[str], environ: Mapping[str, str], out: Output) -> int:
    try:
        return _dispatch(arguments, environ, out)
    except HelpRequested as request:
        out.line(request.text.rstrip("\n"))
        return Exit.OK
    except OutputLost:
        raise
    except (CliError, ClientError, ConfigError) as error:
        failure = explain(error)
        out.error(failure.message, failure.next_step)
        return failure.code


def _let_go_of_output() -> None:
    """Nothing more can be written: the reader has gone, as with `| head`, or the disk is full.
    Without this Python would try once more at its end, and complain.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def explain(error: Exception) -> CliError:
    """The error with its exit code and the command that helps."""
    match error:
        case CliError():
            return error
        case Unreachable():
            return CliError(str(error), code=Exit.UNREACHABLE, next_step="velocity-local status")
        case ApiError():
            return CliError(error.message, code=_code(error), next_step=_next_step(error))
        case _:
            return CliError(str(error))


def _dispatch(arguments: Sequence[str], environ: Mapping[str, str], out: Output) -> int:
    if not arguments and _is_at_terminal(environ, out):
        arguments = _ALONE
    command, given = parse(arguments)
    out.is_quiet = given.quiet
    module, _, function = command.target.partition(":")
    verb: Verb = getattr(importlib.import_module(module), function)
    return verb(Call(given, environ, out))


def _is_at_terminal(environ: Mapping[str, str], out: Output) -> bool:
    return out.out_is_terminal and sys.stdin.isatty() and environ.get("TERM") != "dumb"


def _code(error: ApiError) -> Exit:
    if error.status == 404:
        return Exit.NOT_FOUND
    if error.status == _OUT_OF_MEMORY:
        return Exit.DOES_NOT_FIT
    return Exit.FAILURE


def _next_step(error: ApiError) -> str:
    if error.code == "model_not_found":
        return "velocity-local list"
    if error.status in {401, 403}:
        return "set VELOCITY_API_KEY to a key of that daemon"
    return ""


if __name__ == "__main__":
    sys.exit(main())
