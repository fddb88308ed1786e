"""Every command with its arguments, as one table: parser, help, completion and docs come from it.

Knows no verb's code; each names the function that runs it, imported when it is asked for.
"""

from pathlib import Path

from velocity_local.cli.command import HOST, JSON, MODEL, VERBS, Argument, Command, option
from velocity_local.cli.lens_commands import LENS_COMMANDS
from velocity_local.cli.lens_study_commands import STUDY_COMMANDS
from velocity_local.cli.model_commands import MODEL_COMMANDS
from velocity_local.core.queueing import DEFAULT_PRIORITY, PRIORITIES

QUIET = option("-q", "--quiet", help="print data and errors only")
"""Every command takes it."""
_LISTEN = (
    option("--host", help="address to listen on (server.host)", metavar="ADDRESS"),
    option("--port", help="port to listen on (server.port)", metavar="PORT", parse=int),
    option(
        "--config",
        help="configuration file instead of the user's",
        metavar="FILE",
        parse=lambda text: Path(text).absolute(),
    ),
    option(
        "--set",
        help="override one setting; may be given again",
        metavar="SECTION.KEY=VALUE",
        takes_rest=True,
    ),
)
_SAMPLING = (
    option("--system", help="system prompt", metavar="TEXT"),
    option("--temperature", help="0 always takes the likeliest token", metavar="T", parse=float),
    option("--top-p", help="keep the likeliest tokens up to this mass", metavar="P", parse=float),
    option("--max-tokens", help="longest answer in tokens", metavar="N", parse=int),
    option("--seed", help="same seed, same text", metavar="N", parse=int),
)
_HISTORY_FILTER = (
    option("--model", help="only this model's", metavar="ID", completes="models"),
    option(
        "--status",
        help="only with this outcome",
        metavar="STATUS",
        choices=("running", "ok", "error", "cancelled", "interrupted"),
    ),
    option("--limit", help="at most so many, newest first", metavar="N", parse=int, default=50),
)
_ID = Argument(("id",), "request id, as `history list` shows it")
_CONVERSATION = Argument(("id",), "conversation id, as `conversations list` shows it")
_KEY = Argument(("key",), "section.key, for example server.port", completes="settings")

GROUPS = ("Daemon", "Use", "Models", "History", "Lens", "This program")

COMMANDS: tuple[Command, ...] = (
    Command(
        "start",
        "Daemon",
        "start the daemon and wait until it can answer",
        VERBS + "lifecycle:start",
        (
            *_LISTEN,
            option("--no-wait", help="return once it listens, before a model is loaded"),
            JSON,
        ),
        details="Starting again is harmless: it says where the running daemon listens.",
    ),
    Command(
        "stop",
        "Daemon",
        "stop the daemon; requests in flight may finish first",
        VERBS + "lifecycle:stop",
        (
            option(
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
        VERBS + "lifecycle:restart",
        (
            *_LISTEN,
            option("--no-wait", help="return once it listens, before a model is loaded"),
            option(
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
        VERBS + "status:status",
        (HOST, JSON),
        details="Exit status 3 if it does not run.",
    ),
    Command(
        "serve",
        "Daemon",
        "run the daemon in the foreground",
        VERBS + "lifecycle:serve",
        _LISTEN,
        details="For service managers and containers; Ctrl-C stops it.",
    ),
    Command(
        "logs",
        "Daemon",
        "show the daemon's log",
        VERBS + "logs:logs",
        (
            option("-f", "--follow", help="go on as lines are written"),
            option("-n", "--lines", help="how many", metavar="N", parse=int, default=100),
            option(
                "--since",
                help="only newer: 90s, 10m, 2h, 1d, or a time such as 2026-01-31T12:00",
                metavar="WHEN",
            ),
            option("--filter", help="only lines this expression is found in", metavar="REGEX"),
            option(
                "--model", help="the log of this model's worker", metavar="ID", completes="models"
            ),
        ),
    ),
    Command(
        "tui",
        "Use",
        "open the terminal UI",
        VERBS + "tui:tui",
        (
            HOST,
            option("--serve", help="show it in a browser on this machine instead"),
            option(
                "--port", help="port for --serve; 0 takes any", metavar="N", parse=int, default=8622
            ),
        ),
        details="It is what velocity-local alone on a terminal opens.",
    ),
    Command(
        "run",
        "Use",
        "answer one prompt",
        VERBS + "run:run",
        (
            MODEL,
            Argument(("prompt",), "the prompt; piped input is added below it", is_optional=True),
            *_SAMPLING,
            option("-v", "--verbose", help="then tell tokens and timings"),
            HOST,
            JSON,
        ),
        details="Without a prompt on a terminal it becomes a chat.",
    ),
    Command(
        "chat",
        "Use",
        "talk to a model",
        VERBS + "chat:chat",
        (
            Argument(
                ("model",), "model id; the first loaded one", is_optional=True, completes="models"
            ),
            *_SAMPLING,
            option("-v", "--verbose", help="tell tokens and timings after each answer"),
            HOST,
        ),
        details="Ctrl-C stops the answer, Ctrl-D leaves; /help lists what else can be typed.",
    ),
    *MODEL_COMMANDS,
    Command(
        "history list",
        "History",
        "requests, newest first",
        VERBS + "history:list_",
        (*_HISTORY_FILTER, HOST, JSON),
    ),
    Command(
        "history show",
        "History",
        "one request with all its figures",
        VERBS + "history:show",
        (_ID, HOST, JSON),
    ),
    Command(
        "history export",
        "History",
        "requests as a file for other programs",
        VERBS + "history:export",
        (
            option(
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
        VERBS + "history:delete",
        (_ID, option("--yes", help="do not ask"), HOST),
    ),
    Command(
        "conversations list",
        "History",
        "what was talked about in Chat, the last changed first",
        VERBS + "conversations:list_",
        (
            option("--text", help="only those with this in title or turns", metavar="TEXT"),
            option("--limit", help="at most so many", metavar="N", parse=int, default=50),
            HOST,
            JSON,
        ),
    ),
    Command(
        "conversations export",
        "History",
        "one conversation as Markdown, or with all its branches as JSON",
        VERBS + "conversations:export",
        (_CONVERSATION, HOST, JSON),
    ),
    Command(
        "conversations delete",
        "History",
        "forget one conversation",
        VERBS + "conversations:delete",
        (_CONVERSATION, option("--yes", help="do not ask"), HOST),
    ),
    *LENS_COMMANDS,
    *STUDY_COMMANDS,
    Command(
        "doctor",
        "This program",
        "what this machine has, what the engine uses, what would make it faster",
        VERBS + "doctor:doctor",
        (JSON,),
        details="Nothing in it names you, your files or your prompts: it can be shared.",
    ),
    Command(
        "config get",
        "This program",
        "settings in force, and where each comes from",
        VERBS + "configuration:get",
        (
            Argument(("key",), "one setting; all of them", is_optional=True, completes="settings"),
            JSON,
        ),
    ),
    Command(
        "config set",
        "This program",
        "change a setting in the configuration file",
        VERBS + "configuration:set_",
        (_KEY, Argument(("value",), "the new value; null takes it out of the file")),
    ),
    Command(
        "config path",
        "This program",
        "where the configuration file is",
        VERBS + "configuration:path",
    ),
    Command(
        "config validate",
        "This program",
        "whether the configuration can be used",
        VERBS + "configuration:validate",
        (Argument(("file",), "a file instead of the user's", is_optional=True),),
    ),
    Command(
        "keys create",
        "This program",
        "make an API key; from then on every request needs one",
        VERBS + "keys:create",
        (
            Argument(("name",), "what the key is for"),
            option(
                "--class",
                help="class of its requests that do not say: interactive, api or batch",
                metavar="CLASS",
                choices=PRIORITIES,
                default=DEFAULT_PRIORITY,
            ),
            JSON,
        ),
        details="An address that other machines can reach needs at least one key.",
    ),
    Command("keys list", "This program", "the API keys", VERBS + "keys:list_", (JSON,)),
    Command(
        "keys revoke",
        "This program",
        "take an API key back",
        VERBS + "keys:revoke",
        (Argument(("name",), "the key's name"),),
    ),
    Command("version", "This program", "print the version", VERBS + "about:version", (JSON,)),
    Command(
        "completion",
        "This program",
        "print a completion script",
        VERBS + "completion:completion",
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
