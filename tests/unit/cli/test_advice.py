import msgspec
import pytest

from velocity_local.cli.advice import Findings, advise
from velocity_local.cli.machine import EngineBuild, Gpu, Machine, Memory, Processor, _parse_gpu
from velocity_local.config.settings import EngineSettings

CPU = Processor("Some CPU", "x86_64", 8, 16, ("avx2",), "performance", 0.5)
FINE = Machine(
    system="Linux 6.1",
    python="3.11.7",
    processor=CPU,
    memory=Memory(32 * 10**9, 20 * 10**9, 0),
    gpus=(),
    gpu_reason="none",
    has_nvcc=False,
    on_battery=False,
    is_translated=False,
)
BUILD = EngineBuild("llama-cpp-python", "0.3.36", "cpu", "x86_64 sse avx2", "gcc 12", "")
CARD = (Gpu("RTX 4090", 24 * 10**9),)


def said(
    machine: Machine = FINE,
    build: EngineBuild | None = BUILD,
    engine: dict[str, object] | None = None,
) -> list[str]:
    settings = msgspec.convert(engine or {}, EngineSettings)
    return [one.finding for one in advise(Findings(machine, build, settings, "sse avx2"))]


def having(**changes: object) -> Machine:
    return msgspec.structs.replace(FINE, **changes)


def test_a_machine_that_is_fine_gets_no_advice() -> None:
    assert said() == []


@pytest.mark.parametrize(
    ("machine", "finding"),
    [
        (having(gpus=CARD, has_nvcc=True), "RTX 4090 is not used"),
        (having(gpus=CARD), "there is no nvcc"),
        (having(is_translated=True), "translated on Apple silicon"),
        (having(on_battery=True), "runs on battery"),
        (having(memory=Memory(8 * 10**9, 10**8, 0)), "only 100 MB of memory are free"),
        (having(processor=msgspec.structs.replace(CPU, governor="powersave")), "powersave"),
        (having(processor=msgspec.structs.replace(CPU, load_1min=17.0)), "load 17.0 on 16"),
    ],
)
def test_what_slows_the_machine_is_found(machine: Machine, finding: str) -> None:
    (found,) = said(machine)
    assert finding in found


def test_a_used_gpu_needs_no_advice() -> None:
    cuda = msgspec.structs.replace(BUILD, backend="cuda")
    assert said(having(gpus=CARD), cuda) == []


def test_a_gpu_that_is_switched_off_is_found() -> None:
    cuda = msgspec.structs.replace(BUILD, backend="cuda")
    assert "computes nothing" in said(having(gpus=CARD), cuda, {"n_gpu_layers": 0})[0]


def test_an_engine_from_elsewhere_is_found() -> None:
    assert "nothing is known of the engine" in said(build=None)[0]


def test_an_engine_for_another_processor_is_found() -> None:
    other = msgspec.structs.replace(BUILD, built_for="x86_64 sse avx512f")
    assert "another processor" in said(build=other)[0]


@pytest.mark.parametrize(
    ("setting", "value", "finding"),
    [("n_threads", 16, "there are 8 cores"), ("kv_type", "f32", "kv_type is f32")],
)
def test_settings_that_cost_speed_are_found(setting: str, value: object, finding: str) -> None:
    assert finding in said(engine={setting: value})[0]


@pytest.mark.parametrize(
    ("line", "gpu"),
    [
        ("NVIDIA H100, 81559", Gpu("NVIDIA H100", 81559 * 1024**2)),
        ("Odd, name, [N/A]", Gpu("Odd, name", None)),
        ("No devices were found", None),
    ],
)
def test_a_gpu_is_read_from_a_line(line: str, gpu: Gpu | None) -> None:
    assert _parse_gpu(line) == gpu
