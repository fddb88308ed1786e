"""The verdict: properties that hold for any model and machine, and known sizes."""

from hypothesis import given
from hypothesis import strategies as st

from velocity_local.core.fit import Device, Fit, FitAsk, Machine, Need, Shape
from velocity_local.daemon.catalog.fit import SMALLEST_CONTEXT, judge
from velocity_local.daemon.catalog.fit_bytes import need_of, need_of_size

GIB = 1024**3
EIGHT_B = Shape(
    layers=33,
    weights_bytes=4_653_000_000,
    embedding_bytes=295_000_000,
    parameters=8_030_000_000,
    context_length=131_072,
    full_width=2048 * 32,
    window_width=0,
    window=0,
    state_width=0,
    width=4096,
    feed_forward=14_336,
    heads=32,
    vocabulary=128_256,
)


def machine(host_gib: float, *gpus_gib: float, shares_host: bool = False) -> Machine:
    gpus = tuple(
        Device(f"gpu{i}", int(gib * GIB), int(gib * GIB), shares_host)
        for i, gib in enumerate(gpus_gib)
    )
    return Machine(Device("host", int(host_gib * GIB), int(host_gib * GIB)), gpus)


def fit(on: Machine, ask: FitAsk | None = None, *, n_ctx: int = 8192) -> Fit:
    ask = ask or FitAsk()

    def need_at(cells: int) -> Need:
        return need_of(EIGHT_B, FitAsk(cells, ask.n_seq_max, ask.n_batch, ask.kv_type))

    return judge(EIGHT_B, ask, on, need_at, n_ctx=n_ctx)


def test_the_formula_gives_what_the_engine_said_for_llama_3_8b() -> None:
    # llama.cpp's own log lines for this shape at 8192 cells, 64 sequences, batches of 512
    need = need_of(EIGHT_B, FitAsk(8192, 64, 512))
    assert need.kv_bytes == 1024 * 2**20
    assert abs(need.compute_bytes - int((124.01 + 31.31) * 2**20)) < 2**20
    assert need_of(EIGHT_B, FitAsk(8192, 64, 512, "q8_0")).kv_bytes == 544 * 2**20


def test_where_it_runs_follows_where_there_is_room() -> None:
    assert fit(machine(32)).verdict == "cpu"
    assert fit(machine(32, 24)).verdict == "gpu"
    assert fit(machine(32, 4)).verdict == "partly on gpu"
    assert fit(machine(4)).verdict == "too large"
    assert "GB more would be needed of host" in fit(machine(4)).reason


def test_layers_asked_for_are_taken_or_refused_by_number() -> None:
    assert fit(machine(32, 24), FitAsk(n_gpu_layers=0)).verdict == "cpu"
    assert fit(machine(32, 24), FitAsk(n_gpu_layers=10)).n_gpu_layers == 10
    refused = fit(machine(32, 4), FitAsk(n_gpu_layers=-1))
    assert refused.verdict == "too large"
    assert "do not fit the GPU" in refused.reason


def test_two_processors_hold_together_what_neither_holds_alone() -> None:
    assert fit(machine(32, 4)).n_gpu_layers < 33
    together = fit(machine(32, 4, 4))
    assert together.verdict == "gpu"
    assert sum(share.layers for share in together.shares) == 33


def test_a_processor_in_the_same_memory_does_not_double_it() -> None:
    assert fit(machine(16, 12, shares_host=True)).verdict == "gpu"
    assert fit(machine(6, 12, shares_host=True)).verdict == "too large"


def test_a_smaller_quantization_is_named_where_this_one_does_not_fit() -> None:
    found = fit(machine(5.2))
    assert found.verdict == "too large"
    assert found.best_quantization == "Q3_K_M"
    assert fit(machine(64, 80)).best_quantization == "F16"


def test_of_a_size_alone_much_is_unknown() -> None:
    need = need_of_size(4_650_000_000, 8_000_000_000, FitAsk(8192))
    exact = need_of(EIGHT_B, FitAsk(8192))
    assert need.doubt
    assert abs(need.engine_bytes - exact.engine_bytes) <= need.error_bytes


@given(
    host=st.floats(0.5, 64),
    gpus=st.lists(st.floats(0.1, 48), max_size=3),
    n_ctx=st.integers(SMALLEST_CONTEXT, 131_072),
)
def test_what_is_promised_fits(host: float, gpus: list[float], n_ctx: int) -> None:
    on = machine(host, *gpus)
    found = fit(on, n_ctx=n_ctx)
    if found.verdict != "too large":
        assert all(share.needed_bytes <= share.free_bytes for share in found.shares)
        assert found.largest_n_ctx is not None
        assert found.largest_n_ctx + 256 > n_ctx
    if found.largest_n_ctx is not None:
        assert fit(on, n_ctx=found.largest_n_ctx).verdict != "too large"


@given(host=st.floats(0.5, 64), gpu=st.floats(0.1, 48), more=st.floats(0, 32))
def test_more_memory_never_gives_less(host: float, gpu: float, more: float) -> None:
    before, after = fit(machine(host, gpu)), fit(machine(host + more, gpu + more))
    assert after.n_gpu_layers >= before.n_gpu_layers
    if after.verdict == before.verdict:
        assert (after.largest_n_ctx or 0) >= (before.largest_n_ctx or 0)
    if before.verdict != "too large":
        assert after.verdict != "too large"
