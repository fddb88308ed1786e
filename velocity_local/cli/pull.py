"""The verb pull: fetch a model from the hub. The daemon does it; this looks on."""

from pathlib import Path, PureWindowsPath

from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.output import Output
from velocity_local.cli.waiting import Pause
from velocity_local.cli.watching import bar, watch
from velocity_local.client import api
from velocity_local.client.errors import ApiError
from velocity_local.client.http import HttpClient
from velocity_local.core.downloads import Download, Variant
from velocity_local.core.units import duration, size
from velocity_local.wire.http.admin import RepositoryAnswer

USUAL = "Q4_K_M"
"""What to take when somebody does not want to choose; nearly every repository has it."""
_PATHS = ("/", "./", "../", "~", ".\\", "..\\", "\\\\")
_PLAIN_STEPS = 10


def pull(call: Call) -> int:
    """Fetch a model and wait for it; or pause, resume or cancel a download."""
    for act in (_cancel, _pause, _resume):
        if getattr(call.args, act.__name__[1:]):
            return act(call)
    if not call.args.model:
        raise CliError(
            "there is no model to pull",
            code=Exit.USAGE,
            next_step="velocity-local pull OWNER/REPO:QUANT",
        )
    client = call.connect()
    try:
        return _pull(call, client)
    except ApiError as error:
        if error.status == 404:  # it is not on the hub; `list` would not help
            raise CliError(error.message, code=Exit.NOT_FOUND) from error
        raise


def _pull(call: Call, client: HttpClient) -> int:
    model = call.args.model
    if _is_path(model, is_remote=call.host is not None):
        return _take_over(call, client)
    if call.args.sha256 is None and "://" not in model and not _says_which(model):
        offer = api.repository(client, model)
        chosen = _choose(offer, accept_usual=call.args.yes)
        if chosen is None:
            return _show_choices(call, offer)
        model = _reference(offer, chosen)
    return _look_on(call, client, api.start_download(client, model, call.args.sha256))


def _is_path(text: str, *, is_remote: bool) -> bool:
    """A name alone is one only if there is such a file here."""
    if text.startswith(_PATHS) or PureWindowsPath(text).drive:
        return True
    return not is_remote and text.lower().endswith(".gguf") and Path(text).is_file()


def _take_over(call: Call, client: HttpClient) -> int:
    """A file that is here already needs no hub."""
    path = call.args.model
    if call.host is None:  # a daemon elsewhere has paths of its own
        path = str(Path(path).expanduser().absolute())
    model = api.import_model(client, path, None)
    if call.args.json:
        call.out.json("import/1", model=model)
    else:
        call.out.line(model.id)
    return Exit.OK


def _look_on(call: Call, client: HttpClient, started: Download) -> int:
    try:
        ended = follow(client, started, call.out)
    except KeyboardInterrupt:
        call.out.note(
            "The download goes on. To look on again, pull again; to end or to pause it:\n"
            f"  velocity-local pull --cancel {started.id}\n"
            f"  velocity-local pull --pause {started.id}"
        )
        return Exit.INTERRUPTED
    return _finish(call, ended)


def follow(
    client: HttpClient, started: Download, out: Output, *, pause: Pause | None = None
) -> Download:
    """Show a download's progress until it has ended.

    Raises:
        CliError: if the daemon goes away.
    """
    shown = _Shown(out)

    def probe() -> Download | None:
        now = api.download(client, started.id)
        shown.update(now)
        return now if now.has_ended or now.state == "paused" else None

    what = "the download, which goes on by itself once the daemon runs again"
    return watch(probe, out, what, pause=pause)


class _Shown:
    """A moving line on a terminal; elsewhere a line for each tenth."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._tenths = -1

    def update(self, now: Download) -> None:
        if self._out.err_is_terminal:
            self._out.progress(progress_line(now))
            return
        tenths = _PLAIN_STEPS * now.done_bytes // max(now.total_bytes, 1)
        if tenths > self._tenths and not now.has_ended:
            self._tenths = tenths
            self._out.note(f"{now.model}: {_figures(now)}")


def progress_line(now: Download) -> str:
    """`[######------]  41 %  1.2 GB of 3.0 GB  25.1 MB/s  1 min 12 s left`."""
    return f"{bar(now.done_bytes / max(now.total_bytes, 1))} {_figures(now)}"


def _figures(now: Download) -> str:
    percent = 100 * now.done_bytes // max(now.total_bytes, 1)
    parts = [f"{percent:3d} %", f"{size(now.done_bytes)} of {size(now.total_bytes)}"]
    if now.state != "running":
        parts.append(now.state)
    elif now.bytes_per_s >= 1:
        left_s = (now.total_bytes - now.done_bytes) / now.bytes_per_s
        parts += [f"{size(int(now.bytes_per_s))}/s", f"{duration(left_s)} left"]
    if now.retries:
        parts.append(f"{now.retries} reconnected")
    return "  ".join(parts)


def _says_which(model: str) -> bool:
    """A name of the shipped list, which has no owner, stands for one of its models."""
    is_listed = "/" not in model
    return is_listed or ":" in model or "@" in model or model.lower().endswith(".gguf")


def _choose(offer: RepositoryAnswer, *, accept_usual: bool) -> Variant | None:
    """The only model there is, or the usual one if that will do."""
    if len(offer.variants) == 1:
        return offer.variants[0]
    usual = [variant for variant in offer.variants if variant.quantization == USUAL]
    return usual[0] if accept_usual and len(usual) == 1 else None


def _reference(offer: RepositoryAnswer, chosen: Variant) -> str:
    """What to ask for, to get just this model."""
    if chosen.format == "gguf":
        return f"{offer.repository}/{chosen.files[0]}"
    return ":".join(filter(None, (offer.repository, chosen.quantization)))


def _show_choices(call: Call, offer: RepositoryAnswer) -> int:
    if not offer.variants:
        raise CliError(
            f"{offer.repository} has no model in GGUF or MLX's format",
            code=Exit.NOT_FOUND,
            next_step=f"velocity-local search {offer.repository.partition('/')[2]}",
        )
    if call.args.json:
        call.out.json("pull-choices/1", repository=offer.repository, variants=offer.variants)
    else:
        headers = ("QUANTIZATION", "SIZE", "FILE")
        call.out.table(headers, [_row(variant) for variant in offer.variants])
    call.out.error(
        f"{offer.repository} has {len(offer.variants)} models; say which",
        next_step=f"velocity-local pull {offer.repository}:{_example(offer)}",
    )
    return Exit.USAGE


def _row(variant: Variant) -> tuple[str, str, str]:
    more = f" and {len(variant.files) - 1} more" if len(variant.files) > 1 else ""
    return variant.quantization or "unknown", size(variant.size_bytes), variant.files[0] + more


def _example(offer: RepositoryAnswer) -> str:
    known = [variant.quantization for variant in offer.variants if variant.quantization]
    return USUAL if USUAL in known or not known else known[0]


def _finish(call: Call, ended: Download) -> int:
    if call.args.json:
        call.out.json("pull/1", download=ended)
    if ended.state == "failed":
        raise CliError(ended.error or "the download failed")
    if ended.state == "cancelled":
        raise CliError(f"the download of {ended.model} was cancelled")
    if ended.state == "paused":
        raise CliError(
            f"the download is paused: {ended.error or 'somebody asked for it'}",
            next_step=f"velocity-local pull --resume {ended.id}",
        )
    if not call.args.json:
        call.out.line(ended.model)
        call.out.note(
            f'Here it is, {size(ended.total_bytes)}: velocity-local run {ended.model} "Hi"'
        )
    return Exit.OK


def _cancel(call: Call) -> int:
    ended = api.cancel_download(call.connect(), call.args.cancel)
    if call.args.json:
        call.out.json("pull/1", download=ended)
    elif ended.state in {"cancelled", "cancelling"}:
        call.out.note(f"Cancelled {ended.model}.")
    else:
        call.out.note(f"{ended.model} is {ended.state} already.")
    return Exit.OK


def _pause(call: Call) -> int:
    paused = api.pause_download(call.connect(), call.args.pause)
    if call.args.json:
        call.out.json("pull/1", download=paused)
    else:
        call.out.note(
            f"Paused {paused.model} at {size(paused.done_bytes)} of {size(paused.total_bytes)}."
        )
    return Exit.OK


def _resume(call: Call) -> int:
    client = call.connect()
    return _look_on(call, client, api.resume_download(client, call.args.resume))
