"""The commands that measure, for the table in `commands`."""

from velocity_local.cli.command import HOST, JSON, MODEL, VERBS, Argument, Command, option

_GROUP = "Lens"
_FILE = Argument(
    ("file",), "scenario: TOML, YAML or JSON (docs/lens.md has every key)", is_optional=True
)
_OUT = (
    option("--out", help="write results to this file (.json, .msgpack or .csv)", metavar="FILE"),
    option("--no-save", help="do not keep the run for baseline, trend and report"),
    JSON,
)
_TARGET = (
    option("--provider", help="whose dialect the server speaks", metavar="NAME"),
    option("--url", help="the server; with the API's version, as .../v1", metavar="URL"),
    option("--model", help="the model to ask", metavar="ID", completes="models"),
    option("--key-env", help="environment variable that holds the API key", metavar="NAME"),
)
_WORK = (
    option("--prompt-tokens", help="length of made-up prompts", metavar="N", parse=int),
    option("--output-tokens", help="length of answers", metavar="N", parse=int),
    option("--prompts", help="file of prompts: JSON lines, or one a line", metavar="FILE"),
    option(
        "--cache",
        help="what the server's prompt cache holds",
        metavar="STATE",
        choices=("cold", "warm", "prefix_shared", "restored", "uncontrolled"),
    ),
    option("--warmup", help="requests before measuring", metavar="N", parse=int),
    option("--seed", help="chance of prompts and arrivals", metavar="N", parse=int),
    option("--name", help="name of the run", metavar="NAME"),
    option(
        "--set",
        help="any key of a scenario; may be given again",
        metavar="KEY=VALUE",
        takes_rest=True,
    ),
)
_LENGTH = (
    option("--requests", help="end after so many", metavar="N", parse=int),
    option("--duration", help="end after so many seconds", metavar="S", parse=float),
)
_PATTERN = option(
    "--pattern",
    help="gaps of --rate",
    metavar="PATTERN",
    choices=("constant", "poisson"),
    default="poisson",
)
_SLO = (
    option("--slo-ttft", help="most ms to the first token", metavar="MS", parse=float),
    option("--slo-tpot", help="most ms for each token after it", metavar="MS", parse=float),
    option("--slo-e2e", help="most ms for a whole answer", metavar="MS", parse=float),
)

LENS_COMMANDS: tuple[Command, ...] = (
    Command(
        "bench",
        _GROUP,
        "how fast a model is on this machine: prefill and decode",
        VERBS + "bench:bench",
        (
            MODEL,
            option("-p", "--prompt", help="prompt lengths", metavar="N,N", default="512"),
            option("-n", "--output", help="answer lengths", metavar="N,N", default="128"),
            option("-d", "--depth", help="tokens before it", metavar="N,N", default="0"),
            option("-b", "--batch", help="streams at once", metavar="N,N", default="1"),
            option("-r", "--repeat", help="times each", metavar="N", parse=int, default=5),
            HOST,
            *_OUT,
        ),
        details="Tests have llama-bench's names: pp512 computes a prompt of 512 tokens, tg128 makes"
        " 128 tokens. Measured through the API, so the server's own cost is in it.",
    ),
    Command(
        "lens run",
        _GROUP,
        "measure a server under one load",
        VERBS + "lens_run:run",
        (
            _FILE,
            *_TARGET,
            option("--concurrency", help="so many streams at once", metavar="N", parse=int),
            option("--rate", help="so many requests a second", metavar="R", parse=float),
            _PATTERN,
            *_LENGTH,
            *_WORK,
            *_SLO,
            option("--repeat", help="so many runs, one series", metavar="N", parse=int, default=1),
            option(
                "--beside",
                help="ask another server in turns, to compare with: its URL, or a scenario's file"
                " with its target",
                metavar="SERVER",
            ),
            option("--workers", help="so many client processes (Dask)", metavar="N", parse=int),
            option(
                "--scheduler",
                help="Dask scheduler whose workers are the clients; else they are this machine's",
                metavar="ADDRESS",
            ),
            option("--records", help="write every request to this file as it ends", metavar="FILE"),
            option("--events", help="for programs: what happens, as lines of JSON"),
            *_OUT,
        ),
        details="Without a file and flags: 20 requests to this user's daemon, one after another."
        " Ctrl-C ends a run early and keeps what it measured; with --events the end of standard"
        " input does.",
    ),
    Command(
        "lens sweep",
        _GROUP,
        "measure at several loads, up to saturation, or search for the largest within an SLO",
        VERBS + "lens_sweep:sweep",
        (
            _FILE,
            *_TARGET,
            option("--loads", help="streams, or rates with --rates", metavar="N,N"),
            option("--rates", help="the loads are requests a second, not streams"),
            _PATTERN,
            option("--search", help="find the largest load that keeps the SLO"),
            *_LENGTH,
            *_WORK,
            *_SLO,
            *_OUT,
        ),
        details="Without --loads and --search the load doubles until that brings nothing more.",
    ),
    Command(
        "lens replay",
        _GROUP,
        "replay recorded traffic: a trace, or this machine's own history",
        VERBS + "lens_replay:replay",
        (
            Argument(("trace",), "JSON lines (docs/lens.md)", is_optional=True),
            option("--history", help="replay the last 90s, 10m, 2h, 1d instead", metavar="WINDOW"),
            option("--speed", help="2 is twice as fast", metavar="X", parse=float),
            option("--save-trace", help="write the trace to this file", metavar="FILE"),
            *_TARGET,
            *_LENGTH,
            option("--seed", help="chance of prompts", metavar="N", parse=int),
            option("--name", help="name of the run", metavar="NAME"),
            *_OUT,
        ),
        details="Texts that are not known are random words of the same number of tokens.",
    ),
    Command(
        "lens passive",
        _GROUP,
        "the same figures from the daemon's history, without any load",
        VERBS + "lens_replay:passive",
        (
            option("--since", help="90s, 10m, 2h, 1d", metavar="WINDOW", default="1h"),
            option("--model", help="only this model's", metavar="ID", completes="models"),
            HOST,
            *_OUT,
        ),
    ),
    Command(
        "lens validate",
        _GROUP,
        "whether a scenario's file can be run",
        VERBS + "lens_run:validate",
        (Argument(("file",), "TOML, YAML or JSON"), JSON),
        details="Nothing is asked of any server.",
    ),
)
