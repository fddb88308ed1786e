import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from velocity_local.worker.engine.scheduler import Cost, Demand, Outlook, StepLimits, plan

ROOMY = StepLimits(
    n_batch=512, tile=64, stall_target_ms=250, step_limit_ms=1000, tile_reaches_all=True
)
TINY = ROOMY._replace(n_batch=4)
DECODE = Demand(1, 300)


def _plan(
    demands: list[Demand | int], *, tile_ms: float = 100, limits: StepLimits = ROOMY
) -> list[int]:
    """`demands` as pending tokens where nothing else matters; 100 ms a tile allows two of them."""
    asked = [Demand(one) if isinstance(one, int) else one for one in demands]
    return plan(_outlook(asked, lambda n_rows, _: -(-n_rows // 64) * tile_ms, limits))


def _outlook(demands: list[Demand], cost: Cost, limits: StepLimits = ROOMY) -> Outlook:
    return Outlook(demands, limits, cost, n_cells=sum(demand.depth for demand in demands))


@pytest.mark.parametrize(
    ("demands", "tile_ms", "limits", "expected"),
    [
        ([], 100, ROOMY, []),
        ([1, 1, 1], 100, ROOMY, [1, 1, 1]),
        ([300], 100, ROOMY, [300]),
        ([900], 100, ROOMY, [512]),
        ([900], 130, ROOMY, [256]),
        ([900], 9999, ROOMY, [64]),
        ([900], 100, ROOMY._replace(n_batch=200), [192]),
        ([300, 300, 300], 100, ROOMY, [300, 212, 0]),
        ([1, 1, 1, 1, 900], 100, ROOMY, [1, 1, 1, 1, 120]),
        ([1, 1, 1, 1, 900], 10, ROOMY, [1, 1, 1, 1, 480]),
        ([1, 1, 1, 1, 900], 200, ROOMY, [1, 1, 1, 1, 60]),
        ([1, 1, 1, 1, 910], 200, ROOMY, [1, 1, 1, 1, 10]),
        ([1, Demand(910, 1000)], 200, ROOMY, [1, 63]),
        ([1, Demand(40, 1000)], 300, ROOMY, [1, 15]),
        ([1, Demand(40, 1000)], 200, ROOMY, [1, 40]),
        ([1, 40, 1, 900], 100, ROOMY, [1, 40, 1, 86]),
        ([*[1] * 64, 900], 200, ROOMY, [*[1] * 64, 4]),
        ([*[1] * 70, 900], 200, ROOMY, [*[1] * 70, 30]),
        ([1, 900], 100, TINY, [1, 3]),
        ([900], 100, TINY, [4]),
    ],
    ids=[
        "nobody",
        "all decode",
        "a prompt alone",
        "a long prompt alone",
        "a slow machine, alone",
        "a tile at least, alone",
        "whole tiles only",
        "several prompts of the same length, first come first served",
        "four decode, rows fill tiles and so will the last ones",
        "a fast machine",
        "four decode, a tile is all there is time for",
        "the odd part first, where it is cheap",
        "no odd part in the middle of a deep prompt",
        "an odd rest that would stall, in parts",
        "an odd rest that would not stall",
        "a short prompt and a long one",
        "a whole tile decodes",
        "more than a tile decodes",
        "a batch smaller than a tile, mixed",
        "a batch smaller than a tile, alone",
    ],
)
def test_plan(
    demands: list[Demand | int], tile_ms: float, limits: StepLimits, expected: list[int]
) -> None:
    assert _plan(demands, tile_ms=tile_ms, limits=limits) == expected


def test_a_short_prompt_goes_before_a_long_one_which_gets_a_quarter() -> None:
    assert _plan([DECODE, Demand(6000), Demand(50)]) == [1, 77, 50]
    assert _plan([DECODE, Demand(6000), Demand(200)]) == [1, 31, 96]


def test_a_more_urgent_prompt_goes_before_a_shorter_one() -> None:
    assert _plan([DECODE, Demand(80, rank=2), Demand(300, rank=0)]) == [1, 31, 96]


def test_the_depth_of_what_is_computed_decides_how_much_that_is() -> None:
    """Many shallow rows are cheap beside a few deep ones."""

    def by_depth(n_rows: int, depth: float) -> float:
        return -(-n_rows // 64) * (90 + depth / 20)

    assert plan(_outlook([DECODE, Demand(6000, 50)], by_depth)) == [1, 78]
    assert plan(_outlook([DECODE, Demand(6000, 3000)], by_depth)) == [1, 63]


@pytest.mark.parametrize(
    ("small_ms", "expected"), [(300.0, [1, 15]), (460.0, [1, 63])], ids=["it helps", "it does not"]
)
def test_a_tile_that_stalls_everybody_is_cut_if_that_helps(
    small_ms: float, expected: list[int]
) -> None:
    def deep(n_rows: int, _: float) -> float:
        return small_ms if n_rows <= 16 else 600.0 * -(-n_rows // 64)

    assert plan(_outlook([DECODE, Demand(6000, 9000)], deep)) == expected


def _two_cores(n_rows: int, reach: float) -> float:
    """About what was measured for a model of 0.3 billion parameters."""
    if n_rows < 64:
        return 45 + n_rows * (1.6 + 0.00185 * reach)
    return -(-n_rows // 64) * (100 + 0.06 * reach)


def test_beside_many_streams_a_prompt_has_passes_of_its_own() -> None:
    """A tile with rows of all streams would attend to the cells of all of them."""
    streams = [Demand(1, 250)] * 16
    assert plan(_outlook([*streams, Demand(400, 100)], _two_cores)) == [*[0] * 16, 64]
    assert plan(_outlook([*[Demand(1, 20)] * 4, Demand(400, 100)], _two_cores)) == [1, 1, 1, 1, 100]


def test_where_rows_reach_their_own_cells_only_prompts_stay_beside_the_streams() -> None:
    outlook = _outlook([*[Demand(1, 250)] * 16, Demand(384, 100)], _two_cores)
    anywhere = outlook._replace(limits=ROOMY._replace(tile_reaches_all=False))
    assert plan(anywhere) == [*[1] * 16, 96]


def test_a_deep_prompt_stays_beside_few_streams() -> None:
    """It attends to nearly all cells anyway, and theirs come for nothing."""
    streams = [Demand(1, 100)] * 4
    assert plan(_outlook([*streams, Demand(900, 5000)], _two_cores)) == [1, 1, 1, 1, 60]


def test_what_is_shared_is_not_counted_for_each_who_shares_it() -> None:
    streams = [Demand(1, 3000)] * 16
    shared = Outlook([*streams, Demand(400, 3000)], ROOMY, _two_cores, n_cells=3200)
    assert plan(shared) == [*[1] * 16, 48]


@settings(deadline=None, derandomize=True)
@given(
    st.lists(
        st.one_of(
            st.just(DECODE),
            st.builds(Demand, st.integers(1, 3000), st.integers(0, 9000), st.integers(0, 2)),
        ),
        max_size=64,
    ),
    st.floats(0.1, 3000.0),
    st.sampled_from([64, 100, 512, 2048]),
)
def test_whatever_waits_a_step_keeps_its_promises(
    demands: list[Demand], tile_ms: float, n_batch: int
) -> None:
    def cost(n_rows: int, depth: float) -> float:
        return -(-n_rows // 64) * tile_ms * (1 + depth / 3000)

    limits = ROOMY._replace(n_batch=max(n_batch, len(demands) + 1))
    outlook = _outlook(demands, cost, limits)
    counts = plan(outlook)
    prompts = [i for i, demand in enumerate(demands) if demand.n_pending > 1]
    decoding = {n for n, d in zip(counts, demands, strict=True) if d.n_pending == 1}
    assert all(0 <= n <= d.n_pending for n, d in zip(counts, demands, strict=True))
    assert decoding in (set(), {1}, {0})
    assert sum(counts) <= limits.n_batch
    if prompts:
        assert counts[prompts[0]] >= 1 or limits.n_batch <= len(demands) + 3, "the oldest stands"
        n_decoding = len(demands) - len(prompts)
        target_ms = limits.stall_target_ms if n_decoding else limits.step_limit_ms
        is_least = sum(counts) <= (n_decoding // 64 + 1) * 64
        assert is_least or outlook.ms(counts) <= target_ms * 1.01
