"""The commands about runs of the lens that were made already, for the table in `commands`."""

from velocity_local.cli.command import JSON, VERBS, Argument, Command, option

_GROUP = "Lens"
_SOURCE = "results file, run id or baseline; several with commas between them"
_MARKDOWN = option("--markdown", help="also write it to this file as Markdown", metavar="FILE")
_WHICH = (
    option("--model", help="only this model's", metavar="ID", completes="models"),
    option("--provider", help="only this provider's", metavar="NAME"),
    option("--scenario", help="only this scenario's", metavar="NAME"),
    option("--name", help="only runs of this name", metavar="NAME"),
    option("--days", help="only the last days", metavar="N", parse=float),
    option("--limit", help="at most so many, newest first", metavar="N", parse=int, default=50),
)

STUDY_COMMANDS: tuple[Command, ...] = (
    Command(
        "lens compare",
        _GROUP,
        "two sides, figure by figure: what changed, and what is only chance",
        VERBS + "lens_gate:compare",
        (
            Argument(("before",), _SOURCE),
            Argument(("after",), f"{_SOURCE}; none for runs made in turns", is_optional=True),
            option(
                "--metric",
                help="only this figure, as in ttft_ms:p99; may be given again",
                metavar="FIGURE",
                takes_rest=True,
            ),
            _MARKDOWN,
            JSON,
        ),
        details="Runs of different cache states or loads are never set side by side.",
    ),
    Command(
        "lens gate",
        _GROUP,
        "hold runs to rules and a baseline; exit status 6 if they fail",
        VERBS + "lens_gate:gate",
        (
            Argument(("after",), _SOURCE),
            option(
                "--baseline",
                help=f"{_SOURCE}; runs made in turns have their own",
                metavar="SOURCE",
            ),
            option(
                "--rule",
                help="as in 'ttft_ms:p99 <= 500'; may be given again",
                metavar="RULE",
                takes_rest=True,
            ),
            option("--rules", help="file of rules, one a line", metavar="FILE"),
            option("--strict", help="also fail what is undecided, or of another machine"),
            option("--junit", help="also write it to this file as JUnit XML", metavar="FILE"),
            _MARKDOWN,
            option("--webhook", help="address to POST to if the gate fails", metavar="URL"),
            JSON,
        ),
        details="A rule bounds a figure ('ttft_ms:p99 <= 500') or its change from the baseline"
        " ('ttft_ms:p50 <= +5%', 'requests_per_s >= -5%'). Without rules medians may be 4 % worse."
        " Only what is shown to be more than chance fails.",
    ),
    Command("lens list", _GROUP, "the kept runs", VERBS + "lens_shelf:list_", (*_WHICH, JSON)),
    Command(
        "lens delete",
        _GROUP,
        "forget a kept run",
        VERBS + "lens_shelf:delete",
        (Argument(("run",), "run id, as `lens list` shows it"),),
    ),
    Command(
        "lens baseline",
        _GROUP,
        "name runs to hold others against",
        VERBS + "lens_shelf:baseline",
        (
            Argument(("action",), "what to do", choices=("list", "set", "delete")),
            Argument(("name",), "the baseline's name", is_optional=True),
            Argument(("source",), f"for set: {_SOURCE}", is_optional=True),
            JSON,
        ),
        details="Deleting a baseline takes the name away; its runs stay.",
    ),
    Command(
        "lens report",
        _GROUP,
        "runs as one HTML file with plots, or as JSON, MessagePack or CSV",
        VERBS + "lens_report:report",
        (
            Argument(("source",), _SOURCE),
            option(
                "--out",
                help="the file; its suffix says the format",
                metavar="FILE",
                default="lens-report.html",
            ),
            JSON,
        ),
        details="The HTML file needs nothing else: it can be mailed, or opened years later.",
    ),
    Command(
        "lens trend",
        _GROUP,
        "one figure of the kept runs over time",
        VERBS + "lens_shelf:trend",
        (
            Argument(("metric",), "the figure, as in ttft_ms:p99"),
            *_WHICH,
            JSON,
        ),
    ),
    Command(
        "lens optimize",
        _GROUP,
        "search the daemon's settings for a workload, and confirm what was gained",
        VERBS + "lens_optimize:optimize",
        (
            Argument(("file",), "scenario: TOML, YAML or JSON", is_optional=True),
            option(
                "--goal",
                help="figure to be good at, as in ttft_ms:p95*2 with a weight; may be given again",
                metavar="FIGURE",
                takes_rest=True,
            ),
            option(
                "--knob",
                help="setting and its values; may be given again",
                metavar="SETTING=A,B,C",
                takes_rest=True,
            ),
            option("--trials", help="settings to try", metavar="N", parse=int, default=24),
            option("--confirm", help="runs of each side after", metavar="N", parse=int, default=3),
            option("--model", help="the model to ask", metavar="ID", completes="models"),
            option("--requests", help="requests of each run", metavar="N", parse=int),
            option("--seed", help="chance of prompts and search", metavar="N", parse=int),
            option("--out", help="write the confirming runs to this file", metavar="FILE"),
            JSON,
        ),
        details="Every trial has a daemon of its own with the user's models; the running one is"
        " left alone. It needs the extra `optimize`.",
    ),
)
