"""A verb of the command line as a value: its name, its arguments, and the function that runs it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Argument:
    """A positional argument, or an option if its first name begins with a dash.

    `metavar` None makes an option a switch. `values` says what completes it: a fixed set, or
    "models" for the model ids of the daemon.
    """

    names: tuple[str, ...]
    help: str
    metavar: str | None = None
    parse: Callable[[str], object] = str
    default: object = None
    choices: tuple[str, ...] = ()
    completes: str = ""
    is_optional: bool = False
    takes_rest: bool = False

    @property
    def is_option(self) -> bool:
        return self.names[0].startswith("-")

    @property
    def is_switch(self) -> bool:
        return self.is_option and self.metavar is None


@dataclass(frozen=True, slots=True)
class Command:
    """A verb, or a verb with its object ("history list")."""

    name: str
    group: str
    summary: str
    target: str
    arguments: tuple[Argument, ...] = ()
    aliases: tuple[str, ...] = ()
    details: str = ""


def option(*names: str, help: str, metavar: str | None = None, **more: object) -> Argument:  # noqa: A002 - argparse's word
    return Argument(names, help, metavar, **more)  # type: ignore[arg-type] # each field by its name


JSON = option("--json", help="print one JSON document with a versioned shape")
HOST = option("--host", help="address of a daemon elsewhere, or VELOCITY_HOST", metavar="URL")
MODEL = Argument(("model",), "model id, as `list` shows it", completes="models")
VERBS = "velocity_local.cli."
"""Where the verbs' modules are."""
