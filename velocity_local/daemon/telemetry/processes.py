"""Our own processes: processor time, memory and threads of each."""

from collections.abc import Mapping

import psutil

from velocity_local.wire.http.telemetry import ProcessItem


class Processes:
    """Keeps a handle for each process, since processor time is told between two looks."""

    def __init__(self) -> None:
        self._handles: dict[int, psutil.Process] = {}

    def look(self, models: Mapping[int, str]) -> tuple[ProcessItem, ...]:
        """Those pids, with what each is for; one that is gone or not ours to ask tells nothing."""
        self._handles = {pid: each for pid, each in self._handles.items() if pid in models}
        return tuple(self._one(pid, model) for pid, model in models.items())

    def _one(self, pid: int, model: str) -> ProcessItem:
        is_new = pid not in self._handles
        try:
            handle = self._handles.setdefault(pid, psutil.Process(pid))
            with handle.oneshot():
                cores = handle.cpu_percent() / 100
                rss_bytes = int(handle.memory_info().rss)
                return ProcessItem(
                    pid, model, None if is_new else cores, rss_bytes, handle.num_threads()
                )
        except psutil.Error:
            self._handles.pop(pid, None)
            return ProcessItem(pid, model, None, None, None)
