"""How many layers go to graphics processors, from stubbed machines and a scripted dry run."""

import sys

import msgspec
import pytest

from tests.unit.daemon.fleet.stage import LOADED, MIB
from tests.unit.daemon.fleet.test_keeping import HUGE_CACHE
from velocity_local.core.adapters import Adapter
from velocity_local.core.clock import ManualClock
from velocity_local.core.fit import Device, Machine
from velocity_local.core.loads import LoadRow
from velocity_local.core.models import Buffers, LoadOptions, ModelEntry
from velocity_local.daemon.fleet.fitting import Fitting
from velocity_local.daemon.fleet.ledger import Ledger, estimate_bytes
from velocity_local.daemon.fleet.machine import machine_of
from velocity_local.daemon.fleet.weighing import DryRuns
from velocity_local.wire.http.admin import CpuItem, GpuItem, MemoryItem, SystemAnswer

GIB = 1024 * MIB
ENTRY = ModelEntry("m", "/m.gguf", "gguf", 1000 * MIB, "print", 0, shape=HUGE_CACHE)
ON_CUDA = Buffers(1000 * MIB, 1024 * MIB, 60 * MIB, {"CUDA0": 50 * MIB, "CPU": 10 * MIB})
ON_CPU = Buffers(1000 * MIB, 1024 * MIB, 60 * MIB, {"CPU": 60 * MIB})


ENGINE = """
import json, sys
options, answer = json.load(sys.stdin)["options"], json.loads(sys.argv[1])
share = (options.get("n_ctx") or 8192) / 8192 * (17 / 32 if options.get("kv_type") == "q8_0" else 1)
answer["buffers"]["kv_bytes"] = int(answer["buffers"]["kv_bytes"] * share)
print(json.dumps(answer))
"""


class NoLoads:
    def keep_load(self, row: LoadRow) -> None:
        """Nothing is kept."""

    async def loads(self) -> list[LoadRow]:
        return []


class Names:
    def __init__(self, entry: ModelEntry) -> None:
        self._entry = entry

    async def resolve(self, name: str) -> ModelEntry:
        assert name == self._entry.id
        return self._entry


def fitting(
    buffers: Buffers, *gpus: Device, entry: ModelEntry = ENTRY, free_bytes: int = 16 * GIB
) -> Fitting:
    """An engine whose dry run answers with `buffers`, in a real process, on such a machine: those
    of 8192 tokens in f16, and fewer bytes for less.
    """
    answer = msgspec.json.encode({"buffers": buffers}).decode()
    draft_path = None if entry.draft is None else entry.draft.path

    async def machine() -> Machine:
        return Machine(Device("memory", 32 * GIB, free_bytes), gpus)

    return Fitting(
        models=Names(entry),
        machine=machine,
        default_options=lambda _: LoadOptions(draft_path=draft_path),
        dry_runs=DryRuns(environment={}, command=(sys.executable, "-c", ENGINE, answer)),
        loads=NoLoads(),
        clock=ManualClock(),
    )


async def test_all_layers_go_where_all_fit() -> None:
    placed = await fitting(ON_CUDA, Device("GPU 0", 24 * GIB, 20 * GIB)).placed(
        ENTRY, LoadOptions()
    )
    assert placed.n_gpu_layers == HUGE_CACHE.layers


async def test_some_go_where_some_fit_and_two_hold_more_than_one() -> None:
    small = Device("GPU 0", 2 * GIB, 1 * GIB)
    one = (await fitting(ON_CUDA, small).placed(ENTRY, LoadOptions())).n_gpu_layers
    two = (
        await fitting(ON_CUDA, small, Device("GPU 1", 2 * GIB, 1 * GIB)).placed(
            ENTRY, LoadOptions()
        )
    ).n_gpu_layers
    assert one is not None
    assert two is not None
    assert 0 < one < two <= HUGE_CACHE.layers


async def test_of_several_the_roomiest_is_filled_first_and_told_in_the_engines_order() -> None:
    small, large = Device("GPU 0", 4 * GIB, 3 * GIB), Device("GPU 1", 24 * GIB, 20 * GIB)
    placed = await fitting(ON_CUDA, small, large).placed(ENTRY, LoadOptions())
    assert (placed.n_gpu_layers, placed.gpu_split) == (33, (0, 33))
    halves = [Device(f"GPU {i}", 2 * GIB, int(1.6 * GIB)) for i in range(2)]
    placed = await fitting(ON_CUDA, *halves).placed(ENTRY, LoadOptions())
    assert len(placed.gpu_split) == 2
    assert sum(placed.gpu_split) == placed.n_gpu_layers == 33
    assert min(placed.gpu_split) > 0
    alone = await fitting(ON_CUDA, large).placed(ENTRY, LoadOptions())
    assert alone.gpu_split == ()


async def test_an_engine_that_was_not_built_for_it_gets_none() -> None:
    on_cpu = fitting(ON_CPU, Device("GPU 0", 24 * GIB, 20 * GIB))
    assert (await on_cpu.placed(ENTRY, LoadOptions())).n_gpu_layers == 0


async def test_what_was_asked_for_and_what_needs_no_choice_stays() -> None:
    asked = LoadOptions(n_gpu_layers=3)
    assert await fitting(ON_CUDA, Device("GPU 0", GIB, GIB)).placed(ENTRY, asked) is asked
    plain = LoadOptions()
    assert await fitting(ON_CPU).placed(ENTRY, plain) is plain
    tiny = msgspec.structs.replace(HUGE_CACHE, weights_bytes=8 * MIB)
    small = msgspec.structs.replace(ENTRY, shape=tiny)
    gpu = Device("GPU 0", 24 * GIB, 20 * GIB)
    assert await fitting(ON_CUDA, gpu).placed(small, plain) is plain
    unified = Device("Apple", 20 * GIB, 16 * GIB, shares_host=True)
    assert await fitting(ON_CUDA, unified).placed(ENTRY, plain) is plain


def test_layers_elsewhere_do_not_count_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    whole = estimate_bytes(ENTRY, LoadOptions())
    half = estimate_bytes(ENTRY, LoadOptions(n_gpu_layers=16))
    assert estimate_bytes(ENTRY, LoadOptions(n_gpu_layers=33)) < half < whole
    ledger, options = Ledger(), LoadOptions(n_gpu_layers=33)
    loaded = msgspec.structs.replace(LOADED, memory_bytes=2000 * MIB, device="NVIDIA H100")
    ledger.record(ENTRY, options, loaded)
    assert ledger.size_bytes(ENTRY, options) < 600 * MIB


def system(*gpus: GpuItem, driver: str | None) -> SystemAnswer:
    return SystemAnswer(
        os="x", machine="x", python="3", process_rss_bytes=1, disk_free_bytes=None,
        cpu=CpuItem("cpu", 4, 8, (), None, None), memory=MemoryItem(32 * GIB, 20 * GIB, 0, 0),
        gpus=gpus, gpu_driver=driver, gpu_reason=None,
    )  # fmt: skip


def test_the_machine_has_what_is_free_and_what_idle_models_hold() -> None:
    gpu = GpuItem(1, "H100", "", 80 * GIB, 10 * GIB, None, None, None)
    silent = GpuItem(0, "old", "", None, None, None, None, None)
    found = machine_of(
        system(silent, gpu, driver="555"), headroom_bytes=GIB, evictable_bytes=2 * GIB
    )
    assert found.host.free_bytes == 21 * GIB
    (device,) = found.gpus
    assert (device.name, device.shares_host) == ("GPU 1 H100", False)
    assert device.free_bytes == 70 * GIB - 256 * MIB


def test_a_unified_memory_is_not_all_the_graphics_processors() -> None:
    gpu = GpuItem(0, "Apple M2 GPU", "", 32 * GIB, GIB, 0.5, None, None)
    found = machine_of(system(gpu, driver="Metal"), headroom_bytes=0, evictable_bytes=0)
    assert found.gpus[0].shares_host
    assert found.gpus[0].free_bytes == found.host.free_bytes == 20 * GIB
    assert found.gpus[0].total_bytes < found.host.total_bytes


def same(options: LoadOptions) -> LoadOptions:
    return options


async def test_adapters_and_a_model_that_guesses_count_as_they_do_in_the_ledger() -> None:
    alone = await fitting(ON_CPU).fit("m", same)
    adapter = Adapter("m", "a", "/a.gguf", "p", 40 * MIB, 8, 2)
    with_adapter = msgspec.structs.replace(ENTRY, adapters=(adapter,))
    found = await fitting(ON_CPU, entry=with_adapter).fit("m", same)
    assert found.need.companion_bytes == 40 * MIB
    assert found.need.total_bytes == alone.need.total_bytes + 40 * MIB

    both = msgspec.structs.replace(with_adapter, draft=ENTRY)
    found = await fitting(ON_CPU, entry=both).fit("m", same)
    assert found.need.companion_bytes > 40 * MIB + 2000 * MIB  # weights and cells of its own
    options = LoadOptions(draft_path=ENTRY.path)
    held = Ledger().size_bytes(both, options) - Ledger().size_bytes(ENTRY, options)
    assert held >= found.need.companion_bytes
    assert found.shares[-1].needed_bytes == found.need.total_bytes

    def silent(options: LoadOptions) -> LoadOptions:
        return msgspec.structs.replace(options, speculation="off")

    found = await fitting(ON_CPU, entry=both).fit("m", silent)
    assert found.need.companion_bytes == 40 * MIB


async def test_what_is_loaded_along_lies_with_the_first_layers() -> None:
    adapter = Adapter("m", "a", "/a.gguf", "p", 40 * MIB, 8, 2)
    entry = msgspec.structs.replace(ENTRY, adapters=(adapter,))
    gpu = Device("GPU 0", 24 * GIB, 20 * GIB)
    alone = await fitting(ON_CUDA, gpu).fit("m", same)
    found = await fitting(ON_CUDA, gpu, entry=entry).fit("m", same)
    assert found.shares[0].needed_bytes == alone.shares[0].needed_bytes + 40 * MIB
    assert found.shares[-1].needed_bytes == alone.shares[-1].needed_bytes


async def test_what_would_be_too_large_as_usual_is_judged_with_what_a_load_would_take() -> None:
    wide = msgspec.structs.replace(ENTRY, shape=msgspec.structs.replace(HUGE_CACHE, head_width=128))
    for entry, n_ctx, kv_type in ((wide, 8192, "q8_0"), (ENTRY, 4096, "f16")):
        found = await fitting(ON_CPU, entry=entry, free_bytes=1900 * MIB).fit("m", same)
        assert (found.verdict, found.need.n_ctx, found.kv_type) == ("cpu", n_ctx, kv_type)
        assert found.adjusted == "8192 tokens of context in f16 would not fit"


async def test_what_was_asked_for_is_judged_as_it_was_asked() -> None:
    def long(options: LoadOptions) -> LoadOptions:
        return msgspec.structs.replace(options, n_ctx=8192, kv_type="f16")

    found = await fitting(ON_CPU, free_bytes=1900 * MIB).fit("m", long)
    assert (found.verdict, found.adjusted) == ("too large", "")
