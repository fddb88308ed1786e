"""What an answer that has not begun is waiting for, as far as the last look at the daemon tells."""

from velocity_tui.state import Snapshot, Up


def told(snapshot: Snapshot, model: str) -> str:
    """A line without its end."""
    if not isinstance(snapshot.link, Up):
        return "waiting for the daemon"
    worker = next((worker for worker in snapshot.workers if worker.model == model), None)
    if worker is None:
        return f"waiting for {model}"
    if worker.state in {"unloaded", "loading"}:
        return f"waiting for {model} to be loaded"
    if worker.state != "ready":
        return f"waiting for {model}, which is {worker.state}"
    if worker.waiting:
        return f"waiting behind {worker.waiting} other requests"
    return "reading the prompt"
