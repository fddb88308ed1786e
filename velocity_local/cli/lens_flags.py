"""The flags of `lens run` and its like as keys of a scenario."""

from pathlib import Path

from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.lens.errors import BadScenario
from velocity_local.lens.scenario_file import Document, read
from velocity_local.lens.scenarios import Scenario

_FLAGS = {
    "provider": "target.provider",
    "url": "target.url",
    "model": "target.model",
    "key_env": "target.key_env",
    "requests": "load.requests",
    "duration": "load.duration_s",
    "prompt_tokens": "workload.prompt_tokens",
    "output_tokens": "workload.output_tokens",
    "cache": "cache",
    "warmup": "warmup_requests",
    "seed": "seed",
    "name": "name",
    "slo_ttft": "slo.ttft_ms",
    "slo_tpot": "slo.tpot_ms",
    "slo_e2e": "slo.e2e_ms",
}
Given = dict[str, tuple[str, object]]


def scenario_of(call: Call, load: Given | None = None) -> Scenario:
    """The file's scenario with what the flags say; `load` holds what a verb adds to them.

    Raises:
        CliError: if it cannot be run as it is written.
    """
    try:
        return document_of(call, load or {}).scenario()
    except BadScenario as error:
        raise CliError(
            str(error), code=Exit.USAGE, next_step="velocity-local lens run --help"
        ) from error


def document_of(call: Call, load: Given) -> Document:
    """As `scenario_of`, not checked yet; raises BadScenario."""
    file = getattr(call.args, "file", None)
    document = read(Path(file), call.environ) if file else Document()
    given: Given = {
        key: (f"--{flag.replace('_', '-')}", getattr(call.args, flag, None))
        for flag, key in _FLAGS.items()
    }
    given |= load | _prompts(call) | _settings(call)
    given |= _kinds(document, given)
    return document.with_flags(given)


def load_flags(call: Call) -> Given:
    """What --concurrency and --rate say.

    Raises:
        CliError: if both are given.
    """
    streams, rate = call.args.concurrency, call.args.rate
    if streams is not None and rate is not None:
        raise CliError("give --concurrency or --rate, not both", code=Exit.USAGE)
    if streams is not None:
        return closed(streams, "--concurrency")
    if rate is not None:
        return open_(rate, call.args.pattern, "--rate")
    return {}


def closed(streams: int, flag: str) -> Given:
    return {"load.kind": (flag, "concurrency"), "load.streams": (flag, streams)}


def open_(rate: float, pattern: str, flag: str) -> Given:
    return {"load.kind": ("--pattern", pattern), "load.rate_per_s": (flag, rate)}


def _prompts(call: Call) -> Given:
    path = getattr(call.args, "prompts", None)
    if path is None:
        return {}
    return {"workload.kind": ("--prompts", "file"), "workload.path": ("--prompts", path)}


def _settings(call: Call) -> Given:
    given: Given = {}
    for setting in getattr(call.args, "set", None) or []:
        key, equals, value = setting.partition("=")
        if not equals:
            raise CliError(f"--set {setting}: write KEY=VALUE", code=Exit.USAGE)
        given[key.strip()] = (f"--set {key.strip()}", value.strip())
    return given


def _kinds(document: Document, given: Given) -> Given:
    """The kinds that keys given by flags belong to, where neither file nor flag says one."""
    kinds: Given = {}
    for section, kind in (("load", "iterations"), ("workload", "synthetic")):
        written = document.tree.get(section)
        has_kind = f"{section}.kind" in given or (isinstance(written, dict) and "kind" in written)
        has_keys = isinstance(written, dict) or any(
            key.startswith(f"{section}.") and value is not None for key, (_, value) in given.items()
        )
        if has_keys and not has_kind:
            kinds[f"{section}.kind"] = ("the default", kind)
    return kinds
