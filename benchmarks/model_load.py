"""What a load costs beyond the library's own time: from "load it" to "it can answer".

    python -m benchmarks.model_load

A file of 0.8 GB that lies in the page cache is loaded and unloaded again and again through a
fleet as the daemon has it. Of the whole time the worker reports what the library took for model
and context; the rest is ours: the process, its imports, the vocabulary, the first pass. Each
load stands beside one of the demo model, whose own time is next to nothing.
"""

import argparse
import asyncio
import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.gguf_random import Shape, default_folder, make_model
from benchmarks.machine import look
from velocity_local.config.paths import data_root
from velocity_local.config.settings import FleetSettings
from velocity_local.core.clock import SystemClock
from velocity_local.core.models import LoadOptions, ModelEntry
from velocity_local.daemon.fleet.client import Fleet

LAYERS = 20  # 0.8 GB in F16
DEMO = "demo/velocity-demo-f16.gguf"


@dataclass(frozen=True, slots=True)
class Load:
    """Milliseconds of one load: all of it, and the library's part."""

    model: str
    whole_ms: float
    library_ms: float

    @property
    def ours_ms(self) -> float:
        return self.whole_ms - self.library_ms


class OneFile:
    """A catalogue of what it is given."""

    def __init__(self, entries: list[ModelEntry]) -> None:
        self._entries = {entry.id: entry for entry in entries}

    async def resolve(self, name: str) -> ModelEntry:
        return self._entries[name]

    def is_current(self, entry: ModelEntry) -> bool:
        return entry.id in self._entries


def entry(name: str, path: Path) -> ModelEntry:
    return ModelEntry(name, str(path), "gguf", path.stat().st_size, name, 0)


async def measure(entries: list[ModelEntry], rounds: int, folder: Path) -> list[Load]:
    """`rounds` loads of each in turn, after one of each that is not counted."""
    fleet = Fleet(
        FleetSettings(preload=(), headroom_bytes=0),
        catalog=OneFile(entries),
        load_options=lambda _: LoadOptions(),
        log_folder=folder,
        clock=SystemClock(),
    )
    try:
        loads = [await one(fleet, each) for _ in range(rounds + 1) for each in entries]
    finally:
        await fleet.stop(drain_s=0.0)
    return loads[len(entries) :]


async def one(fleet: Fleet, each: ModelEntry) -> Load:
    begun = time.perf_counter()
    await fleet.load(each)
    whole_ms = (time.perf_counter() - begun) * 1e3
    status = next(status for status in fleet.status() if status.id == each.id)
    assert status.loaded is not None, "it is ready"
    await fleet.unload(each.id)
    return Load(each.id, whole_ms, status.loaded.load_ms)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.model_load", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--layers", type=int, default=LAYERS)
    parser.add_argument("--folder", type=Path, default=default_folder())
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    path = make_model(arguments.folder, Shape(layers=arguments.layers), file_type="F16", seed=0)
    entries = [entry("big", path), entry("demo", data_root() / DEMO)]
    with tempfile.TemporaryDirectory() as logs:
        loads = asyncio.run(measure(entries, arguments.rounds, Path(logs)))
    machine = look()
    if arguments.json:
        print(json.dumps({"machine": asdict(machine), "loads": [asdict(load) for load in loads]}))
        return
    print(machine.line())
    for each in entries:
        mine = [load for load in loads if load.model == each.id]
        whole, library = median(x.whole_ms for x in mine), median(x.library_ms for x in mine)
        ours = [x.ours_ms for x in mine]
        print(
            f"{each.id:6}{each.size_bytes / 1e6:8.0f} MB  whole {whole:6.0f} ms, library "
            f"{library:6.0f} ms, ours {median(ours):6.0f} ms  ({min(ours):.0f} to {max(ours):.0f})"
        )


if __name__ == "__main__":
    main()
