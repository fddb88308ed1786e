"""What would make this machine faster: rules over what was found. Looks at nothing itself."""

from collections.abc import Callable

import msgspec

from velocity_local.cli.machine import EngineBuild, Machine
from velocity_local.config.settings import EngineSettings

_FEW_BYTES = 1_000_000_000
_NOT_FROM_SETUP = "it was not built by `make setup`, so it may lack this processor's instructions"


class Advice(msgspec.Struct, frozen=True):
    """Something to change: what is the case, and what to do."""

    finding: str
    action: str


class Findings(msgspec.Struct, frozen=True):
    """All that the rules look at; `cpu_flags` is the processor's own list, in full."""

    machine: Machine
    build: EngineBuild | None
    engine: EngineSettings
    cpu_flags: str


Rule = Callable[[Findings], Advice | None]


def advise(findings: Findings) -> list[Advice]:
    """What the rules have to say, the most effective first."""
    said = (rule(findings) for rule in _RULES)
    return [advice for advice in said if advice is not None]


def _translated(found: Findings) -> Advice | None:
    if not found.machine.is_translated:
        return None
    return Advice(
        "Python is an Intel build and runs translated on Apple silicon",
        "install an arm64 Python and set up again: without it there is no Metal",
    )


def _unused_gpu(found: Findings) -> Advice | None:
    has_nvidia = bool(found.machine.gpus) and found.machine.system.split()[0] != "Darwin"
    if not has_nvidia or (found.build is not None and found.build.backend == "cuda"):
        return None
    name = found.machine.gpus[0].name
    if found.machine.has_nvcc:
        return Advice(f"{name} is not used", "build for it: VELOCITY_ENGINE=cuda make start")
    return Advice(
        f"{name} is not used, and there is no nvcc to build for it",
        "install the CUDA toolkit, then: make start",
    )


def _foreign_build(found: Findings) -> Advice | None:
    if found.build is not None:
        return None
    return Advice(f"nothing is known of the engine: {_NOT_FROM_SETUP}", "in a checkout: make start")


def _moved_build(found: Findings) -> Advice | None:
    if found.build is None or not found.cpu_flags or found.cpu_flags in found.build.built_for:
        return None
    return Advice(
        "the engine was built for another processor than this one",
        "build it again: make clean && make start",
    )


def _too_many_threads(found: Findings) -> Advice | None:
    cores, threads = found.machine.processor.cores, found.engine.n_threads
    if cores is None or threads is None or threads <= cores:
        return None
    return Advice(
        f"engine.n_threads is {threads}, but there are {cores} cores",
        "let it decide: velocity-local config set engine.n_threads null",
    )


def _wide_cache(found: Findings) -> Advice | None:
    if found.engine.kv_type != "f32":
        return None
    return Advice(
        "engine.kv_type is f32, which doubles what each token costs in memory",
        "velocity-local config set engine.kv_type f16",
    )


def _idle_gpu(found: Findings) -> Advice | None:
    has_gpu_build = found.build is not None and found.build.backend != "cpu"
    if not has_gpu_build or found.engine.n_gpu_layers != 0:
        return None
    return Advice(
        "engine.n_gpu_layers is 0, so the GPU computes nothing",
        "velocity-local config set engine.n_gpu_layers null",
    )


def _slow_governor(found: Findings) -> Advice | None:
    if found.machine.processor.governor != "powersave":
        return None
    return Advice(
        "the processor's governor is powersave",
        "while serving: sudo cpupower frequency-set -g performance",
    )


def _battery(found: Findings) -> Advice | None:
    if not found.machine.on_battery:
        return None
    return Advice("the machine runs on battery, which slows it down", "plug it in")


def _busy(found: Findings) -> Advice | None:
    load, threads = found.machine.processor.load_1min, found.machine.processor.threads
    if load is None or threads is None or load < threads:
        return None
    return Advice(
        f"other programs use the processor too: load {load:.1f} on {threads} threads",
        "close what is not needed",
    )


def _short_memory(found: Findings) -> Advice | None:
    memory = found.machine.memory
    if memory.available_bytes >= _FEW_BYTES:
        return None
    return Advice(
        f"only {memory.available_bytes // 10**6} MB of memory are free",
        "close what is not needed, or use a smaller model or quantization",
    )


_RULES: tuple[Rule, ...] = (
    _translated,
    _unused_gpu,
    _idle_gpu,
    _foreign_build,
    _moved_build,
    _too_many_threads,
    _wide_cache,
    _short_memory,
    _slow_governor,
    _battery,
    _busy,
)
