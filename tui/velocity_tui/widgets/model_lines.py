"""Models and downloads as lines of a table, and as facts below each other."""

from collections.abc import Iterable, Sequence

from velocity_local.core.aliases import Alias
from velocity_local.core.downloads import Download
from velocity_local.core.search import Found
from velocity_local.core.units import count, duration, milliseconds, moment, size
from velocity_local.wire.http.admin import ModelItem
from velocity_local.wire.http.fit import FitAnswer
from velocity_local.wire.http.tuning import OptionItem
from velocity_tui.plots import meter
from velocity_tui.shelf import BADGES, Entry, Local, Remote
from velocity_tui.widgets.grid import Cell
from velocity_tui.widgets.workers import STATE_STYLES

_METER = 16
_DOWNLOAD_STYLES = {
    "done": "$success",
    "failed": "$error",
    "cancelled": "$muted",
    "paused": "$warning",
}
_SOURCE_STYLES = {"catalogue": "$accent", "hub": "$muted"}


def line(entry: Entry) -> list[Cell]:
    """MODEL, STATE, FIT, SIZE, PARAMS, QUANT, CONTEXT."""
    match entry:
        case Local():
            return _local(entry)
        case Remote():
            return _remote(entry)


def _local(entry: Local) -> list[Cell]:
    model = entry.model
    return [
        (model.id, "bold"),
        (
            f"{model.state}, pinned" if model.is_pinned else model.state,
            STATE_STYLES.get(model.state, ""),
        ),
        BADGES[entry.verdict],
        (size(model.size_bytes), ""),
        (count(model.parameters) if model.parameters else "", ""),
        (model.quantization, ""),
        (str(model.context_length or ""), ""),
    ]


def _remote(entry: Remote) -> list[Cell]:
    found, best = entry.found, entry.best
    about = "" if best is None or not best.is_estimate else "~"
    return [
        (found.name or found.repository, ""),
        (found.source, _SOURCE_STYLES[found.source]),
        ("", "") if best is None else BADGES[best.verdict],
        ("" if best is None else about + size(best.size_bytes), ""),
        (count(found.parameters) if found.parameters else "", ""),
        ("" if best is None else best.quantization, ""),
        (str(found.context_length or ""), ""),
    ]


def about_found(found: Found) -> dict[str, str]:
    facts = {
        "repository": found.repository,
        "for": ", ".join(found.uses),
        "family": found.family,
        "licence": found.licence + (" (terms to accept on the hub)" if found.is_gated else ""),
        "downloads": "" if found.downloads is None else count(found.downloads),
        "updated": found.updated,
        "format": found.format,
    }
    for variant in sorted(found.variants, key=lambda each: each.size_bytes):
        about = "~" if variant.is_estimate else ""
        parts = (about + size(variant.size_bytes), BADGES[variant.verdict][0], variant.reason)
        facts[variant.quantization or variant.pull] = "  ".join(filter(None, parts))
    return facts


def about_model(
    model: ModelItem,
    *,
    aliases: Iterable[Alias] = (),
    fit: FitAnswer | None = None,
    options: Sequence[OptionItem] = (),
) -> dict[str, str]:
    facts = {
        "id": model.id,
        "name": model.name,
        "also called": ", ".join(alias.name for alias in aliases if alias.model == model.id),
        "pinned": "stays in memory" if model.is_pinned else "",
        "kind": "embeddings" if model.is_embedding else "text",
        "architecture": model.architecture,
        "chat template": "yes" if model.has_chat_template else "no",
        "adapters": ", ".join(model.adapters),
        "licence": model.licence,
        "fit": "" if fit is None else fit.reason,
        "needs": "" if fit is None else f"{size(fit.need.total_bytes)} ({fit.need.source})",
        "last error": model.last_error or "",
    }
    facts |= _loaded(model)
    for option in options:
        value = "engine's choice" if option.value is None else str(option.value)
        facts[option.key] = f"{value}  {option.origin}"
    return facts | {
        "file": model.path,
        "fingerprint": model.fingerprint,
        "created": moment(model.created_s),
    }


def _loaded(model: ModelItem) -> dict[str, str]:
    loaded = model.loaded
    if loaded is None:
        return {}
    cache = size(loaded.n_cells * loaded.kv_bytes_per_token)
    return {
        "device": loaded.device,
        "engine": loaded.description,
        "KV cache": f"{loaded.n_cells} tokens, {cache}",
        "sequences": f"at most {loaded.n_seq_max}",
        "threads": str(loaded.n_threads),
        "load time": milliseconds(loaded.load_ms),
        "memory": "" if model.rss_bytes is None else size(model.rss_bytes),
    }


def progress(download: Download) -> list[Cell]:
    """DOWNLOAD, PROGRESS, SPEED, LEFT, STATE."""
    share = download.done_bytes / download.total_bytes if download.total_bytes else 0.0
    speed = download.bytes_per_s
    left_bytes = download.total_bytes - download.done_bytes
    is_moving = download.state == "running" and speed > 0
    state = f"{download.state}: {download.error}" if download.error else download.state
    return [
        (download.model.rpartition("/")[2], "bold"),
        (f"{meter(share, _METER)} {share:4.0%} of {size(download.total_bytes)}", ""),
        (f"{size(round(speed))}/s" if is_moving else "", ""),
        (duration(left_bytes / speed) if is_moving else "", ""),
        (state, _DOWNLOAD_STYLES.get(download.state, "$primary")),
    ]
