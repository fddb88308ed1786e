"""The verb status: whether the daemon runs, where, and how it is."""

from velocity_local.cli.call import Call
from velocity_local.cli.exits import Exit
from velocity_local.client import api
from velocity_local.core.units import duration, size
from velocity_local.wire.http.admin import StatusAnswer


def status(call: Call) -> int:
    """Tell the state; the exit status says whether it runs."""
    if call.host is None and call.local().record() is None:
        if call.args.json:
            call.out.json("status/1", is_running=False, daemon=None)
        else:
            call.out.line("The daemon does not run.")
            call.out.note("  try: velocity-local start")
        return Exit.UNREACHABLE
    found = api.status(call.connect())
    if call.args.json:
        call.out.json("status/1", is_running=True, daemon=found)
    else:
        call.out.fields(_fields(found))
    return Exit.OK


def _fields(found: StatusAnswer) -> dict[str, str]:
    models = [f"{worker.model} ({worker.state})" for worker in found.workers]
    return {
        "state": "ready" if found.is_ready else f"not ready: {found.not_ready_reason}",
        **{f"{dialect} URL": url for dialect, url in found.base_urls.items()},
        "release": found.release,
        "pid": str(found.pid),
        "up": duration(found.uptime_s),
        "memory": size(found.rss_bytes),
        "models": ", ".join(models),
        "waiting": _waiting(found),
        "degraded": "; ".join(found.degraded),
    }


def _waiting(found: StatusAnswer) -> str:
    if not found.waiting:
        return ""
    if found.queue is None:
        return f"{found.waiting} requests"
    tokens, longest = found.queue.tokens, duration(found.queue.longest_wait_s)
    return f"{found.waiting} requests of about {tokens} tokens, the longest for {longest}"
