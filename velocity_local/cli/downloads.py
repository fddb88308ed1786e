"""The verb downloads: what is on its way, and what was since the daemon's start."""

from velocity_local.cli.call import Call
from velocity_local.cli.exits import Exit
from velocity_local.client import api
from velocity_local.core.downloads import Download
from velocity_local.core.units import size


def downloads(call: Call) -> int:
    """Newest first."""
    found = api.downloads(call.connect())
    if call.args.json:
        call.out.json("downloads/1", downloads=found)
    elif found:
        headers = ("ID", "MODEL", "STATE", "DONE", "OF", "SPEED")
        call.out.table(headers, [_row(download) for download in found])
    else:
        call.out.note("Nothing was downloaded since the daemon started.")
    return Exit.OK


def _row(download: Download) -> tuple[str, ...]:
    speed = f"{size(int(download.bytes_per_s))}/s" if download.bytes_per_s >= 1 else ""
    return (
        download.id,
        download.model,
        download.state,
        size(download.done_bytes),
        size(download.total_bytes),
        speed,
    )
