"""The verbs cache kv and cache clear."""

from velocity_local.cli.call import Call
from velocity_local.cli.exits import Exit
from velocity_local.client import api
from velocity_local.core.kv import KvEntry
from velocity_local.core.units import size
from velocity_local.wire.http.kv import KvList

_TEXT_CHARS = 48


def kv(call: Call) -> int:
    """What loaded models keep of earlier prompts."""
    kept = api.kept(call.connect())
    if call.args.json:
        call.out.json("cache-kv/1", cache=kept)
        return Exit.OK
    rows = [_row(item.model, entry) for item in kept.items for entry in item.entries]
    if rows:
        headers = ("MODEL", "WHERE", "TOKENS", "SIZE", "BEGINS")
        call.out.table(headers, rows)
    else:
        call.out.note("Nothing is kept yet: no model has read a prompt since it was loaded.")
    call.out.note(_sums(kept))
    return Exit.OK


def clear(call: Call) -> int:
    """Forget what is kept of earlier prompts, on disk as well."""
    kept = api.forget(call.connect())
    if call.args.json:
        call.out.json("cache-kv/1", cache=kept)
    else:
        call.out.note("Forgotten; prompts are computed again from now on.")
    return Exit.OK


def _row(model: str, entry: KvEntry) -> tuple[str, ...]:
    where = "running" if entry.is_running else entry.tier
    tokens = f"{entry.start}-{entry.n_tokens}" if entry.start else str(entry.n_tokens)
    begins = " ".join(entry.begins.split())
    shown = begins if len(begins) <= _TEXT_CHARS else begins[: _TEXT_CHARS - 1] + "…"
    name = f"{model}:{entry.adapter}" if entry.adapter else model
    return (name, where, tokens, size(entry.n_bytes), shown)


def _sums(kept: KvList) -> str:
    used = sum(item.ram_used_bytes for item in kept.items)
    limit = sum(item.ram_limit_bytes for item in kept.items)
    disk = f"{size(kept.disk_bytes)} of {size(kept.disk_limit_bytes)} on disk"
    return f"{size(used)} of {size(limit)} in memory, {disk}"
