"""Every command with its arguments, as one table: parser, help, completion and docs come from it.

Knows no verb's code; each names the function that runs it, imported when it is asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


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


def _option(*names: str, help: str, metavar: str | None = None, **more: object) -> Argument:  # noqa: A002 - argparse's word
    return Argument(names, help, metavar, **more)  # type: ignore[arg-type] # each field by its name


QUIET = _option("-q", "--quiet", help="print data and errors only")
"""Every command takes it."""
JSON = _option("--json", help="print one JSON document with a versioned shape")
HOST = _option("--host", help="address of a daemon elsewhere, or VELOCITY_HOST", metavar="URL")
_MODEL = Argument(("model",), "model id, as `list` shows it", completes="models")
_LISTEN = (
    _option("--host", help="address to listen on (server.host)", metavar="ADDRESS"),
    _option("--port", help="port to listen on (server.port)", metavar="PORT", parse=int),
    _option(
        "--config",
        help="configuration file instead of the user's",
        metavar="FILE",
        parse=lambda text: Path(text).absolute(),
    ),
    _option(
        "--set",
        help="override one setting; may be given again",
        metavar="SECTION.KEY=VALUE",
        takes_rest=True,
    ),
)
_SAMPLING = (
    _option("--system", help="system prompt", metavar="TEXT"),
    _option("--temperature", help="0 always takes the likeliest token", metavar="T", parse=float),
    _option("--top-p", help="keep the likeliest tokens up to this mass", metavar="P", parse=float),
    _option("--max-tokens", help="longest answer in tokens", metavar="N", parse=int),
    _option("--seed", help="same seed, same text", metavar="N", parse=int),
)
_HISTORY_FILTER = (
    _option("--model", help="only this model's", metavar="ID", completes="models"),
    _option(
        "--status",
        help="only with this outcome",
        metavar="STATUS",
        choices=("running", "ok", "error", "cancelled", "interrupted"),
    ),
    _option("--limit", help="at most so many, newest first", metavar="N", parse=int, default=50),
)
_ID = Argument(("id",), "request id, as `history list` shows it")
_KEY = Argument(("key",), "section.key, for example server.port", completes="settings")

GROUPS = ("Daemon", "Use", "Models", "History", "This program")
_VERBS = "velocity_local.cli."

COMMANDS: tuple[Command, ...] = (
    Command(
        "start",
        "Daemon",
        "start the daemon and wait until it can answer",
        _VERBS + "lifecycle:start",
        (
            *_LISTEN,
            _option("--no-wait", help="return once it listens, before a model is loaded"),
            JSON,
        ),
        details="Starting again is harmless: it says where the running daemon listens.",
    ),
    Command(
        "stop",
        "Daemon",
        "stop the daemon; requests in flight may finish first",
        _VERBS + "lifecycle:stop",
        (
            _option(
                "--timeout",
                help="seconds before it is killed",
                metavar="S",
                parse=float,
                default=20.0,
            ),
        ),
    ),
    Command(
        "restart",
        "Daemon",
        "stop, then start at the same address",
        _VERBS + "lifecycle:restart",
        (
            *_LISTEN,
            _option("--no-wait", help="return once it listens, before a model is loaded"),
            _option(
                "--timeout",
                help="seconds before the old one is killed",
                metavar="S",
                parse=float,
                default=20.0,
            ),
            JSON,
        ),
    ),
    Command(
        "status",
        "Daemon",
        "whether the daemon runs, where, and what it has loaded",
        _VERBS + "status:status",
        (HOST, JSON),
        details="Exit status 3 if it does not run.",
    ),
    Command(
        "serve",
        "Daemon",
        "run the daemon in the foreground",
        _VERBS + "lifecycle:serve",
        _LISTEN,
        details="For service managers and containers; Ctrl-C stops it.",
    ),
    Command(
        "logs",
        "Daemon",
        "show the daemon's log",
        _VERBS + "logs:logs",
        (
            _option("-f", "--follow", help="go on as lines are written"),
            _option("-n", "--lines", help="how many", metavar="N", parse=int, default=100),
            _option(
                "--since",
                help="only newer: 90s, 10m, 2h, 1d, or a time such as 2026-01-31T12:00",
                metavar="WHEN",
            ),
            _option("--filter", help="only lines this expression is found in", metavar="REGEX"),
            _option(
                "--model", help="the log of this model's worker", metavar="ID", completes="models"
            ),
        ),
    ),
    Command(
        "tui",
        "Use",
        "open the terminal UI",
        _VERBS + "tui:tui",
        (HOST,),
        details="It is what velocity-local alone on a terminal opens.",
    ),
    Command(
        "run",
        "Use",
        "answer one prompt",
        _VERBS + "run:run",
        (
            _MODEL,
            Argument(("prompt",), "the prompt; piped input is added below it", is_optional=True),
            *_SAMPLING,
            _option("-v", "--verbose", help="then tell tokens and timings"),
            HOST,
            JSON,
        ),
        details="Without a prompt on a terminal it becomes a chat.",
    ),
    Command(
        "chat",
        "Use",
        "talk to a model",
        _VERBS + "chat:chat",
        (
            Argument(
                ("model",), "model id; the first loaded one", is_optional=True, completes="models"
            ),
            *_SAMPLING,
            _option("-v", "--verbose", help="tell tokens and timings after each answer"),
            HOST,
        ),
        details="Ctrl-C stops the answer, Ctrl-D leaves; /help lists what else can be typed.",
    ),
    Command(
        "pull",
        "Models",
        "fetch a model from the Hugging Face hub",
        _VERBS + "pull:pull",
        (
            Argument(
                ("model",),
                "OWNER/REPO:QUANT or OWNER/REPO/FILE.gguf; OWNER/REPO lists what there is",
                is_optional=True,
            ),
            _option("--yes", help="take Q4_K_M if the repository has several and it is there"),
            _option("--cancel", help="end this download instead", metavar="ID"),
            HOST,
            JSON,
        ),
        details="Broken off at any byte, it goes on from there when it is pulled again. HF_ENDPOINT"
        " and HF_TOKEN are read by the daemon when it starts.",
    ),
    Command("ps", "Models", "models in memory", _VERBS + "models:ps", (HOST, JSON)),
    Command(
        "list",
        "Models",
        "models on this machine",
        _VERBS + "models:list_",
        (_option("--ids", help="print only the ids, one a line"), HOST, JSON),
        aliases=("ls",),
    ),
    Command(
        "show", "Models", "what is known of a model", _VERBS + "models:show", (_MODEL, HOST, JSON)
    ),
    Command(
        "history list",
        "History",
        "requests, newest first",
        _VERBS + "history:list_",
        (*_HISTORY_FILTER, HOST, JSON),
    ),
    Command(
        "history show",
        "History",
        "one request with all its figures",
        _VERBS + "history:show",
        (_ID, HOST, JSON),
    ),
    Command(
        "history export",
        "History",
        "requests as a file for other programs",
        _VERBS + "history:export",
        (
            _option(
                "--format",
                help="how to write it",
                metavar="FORMAT",
                choices=("json", "csv"),
                default="json",
            ),
            *_HISTORY_FILTER[:2],
            HOST,
        ),
    ),
    Command(
        "history delete",
        "History",
        "delete one request",
        _VERBS + "history:delete",
        (_ID, _option("--yes", help="do not ask"), HOST),
    ),
    Command(
        "doctor",
        "This program",
        "what this machine has, what the engine uses, what would make it faster",
        _VERBS + "doctor:doctor",
        (JSON,),
        details="Nothing in it names you, your files or your prompts: it can be shared.",
    ),
    Command(
        "config get",
        "This program",
        "settings in force, and where each comes from",
        _VERBS + "configuration:get",
        (
            Argument(("key",), "one setting; all of them", is_optional=True, completes="settings"),
            JSON,
        ),
    ),
    Command(
        "config set",
        "This program",
        "change a setting in the configuration file",
        _VERBS + "configuration:set_",
        (_KEY, Argument(("value",), "the new value; null takes it out of the file")),
    ),
    Command(
        "config path",
        "This program",
        "where the configuration file is",
        _VERBS + "configuration:path",
    ),
    Command(
        "config validate",
        "This program",
        "whether the configuration can be used",
        _VERBS + "configuration:validate",
        (Argument(("file",), "a file instead of the user's", is_optional=True),),
    ),
    Command(
        "keys create",
        "This program",
        "make an API key; from then on every request needs one",
        _VERBS + "keys:create",
        (Argument(("name",), "what the key is for"), JSON),
        details="An address that other machines can reach needs at least one key.",
    ),
    Command("keys list", "This program", "the API keys", _VERBS + "keys:list_", (JSON,)),
    Command(
        "keys revoke",
        "This program",
        "take an API key back",
        _VERBS + "keys:revoke",
        (Argument(("name",), "the key's name"),),
    ),
    Command("version", "This program", "print the version", _VERBS + "about:version", (JSON,)),
    Command(
        "completion",
        "This program",
        "print a completion script",
        _VERBS + "completion:completion",
        (Argument(("shell",), "for which shell", choices=("bash", "zsh", "fish")),),
        details='For bash: eval "$(velocity-local completion bash)"',
    ),
)


def families() -> dict[str, list[Command]]:
    """Commands by first word, in the table's order."""
    found: dict[str, list[Command]] = {}
    for command in COMMANDS:
        found.setdefault(command.name.split()[0], []).append(command)
    return found
