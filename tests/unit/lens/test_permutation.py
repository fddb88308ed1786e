"""The permutation test against every deal there is, and against SciPy."""

from itertools import combinations, product
from random import Random
from statistics import mean

import numpy as np
import pytest
from scipy import stats

from velocity_local.lens.histogram import Histogram
from velocity_local.lens.permutation import (
    DEALS,
    SEED,
    dealt,
    exact,
    p_value,
    pooled_percentile,
    swapped,
)
from velocity_local.lens.quantities import parse
from velocity_local.lens.samples import Counted, Sample, Values, blocked

Part = tuple[float, int]


def ratio(parts: list[Part]) -> float:
    return sum(p[0] for p in parts) / sum(p[1] for p in parts)


def by_brute_force(before: list[Part], after: list[Part]) -> float:
    """The share of all deals whose difference is as large as the one seen."""
    blocks = [*before, *after]
    seen = abs(ratio(after) - ratio(before))
    outcomes = []
    for chosen in combinations(range(len(blocks)), len(before)):
        first = [blocks[i] for i in chosen]
        second = [block for i, block in enumerate(blocks) if i not in chosen]
        outcomes.append(abs(ratio(second) - ratio(first)) >= seen - 1e-9)
    return mean(outcomes)


@pytest.mark.parametrize("seed", range(6))
def test_deals_at_random_agree_with_all_deals(seed: int) -> None:
    chance = Random(seed)
    before = [(chance.gauss(10, 2), chance.randint(1, 4)) for _ in range(6)]
    after = [(chance.gauss(11, 2), chance.randint(1, 4)) for _ in range(6)]
    assert dealt(before, after, n=20_000) == pytest.approx(by_brute_force(before, after), abs=0.012)


@pytest.mark.parametrize("seed", range(4))
def test_swaps_at_random_agree_with_all_swaps(seed: int) -> None:
    chance = Random(seed)
    before = [(chance.gauss(10, 2), 1) for _ in range(9)]
    after = [(chance.gauss(1, 1) + total, 1) for total, _ in before]
    seen = abs(ratio(after) - ratio(before))
    outcomes = []
    for swaps in product((False, True), repeat=len(before)):
        first = [a if swap else b for b, a, swap in zip(before, after, swaps, strict=True)]
        second = [b if swap else a for b, a, swap in zip(before, after, swaps, strict=True)]
        outcomes.append(abs(ratio(second) - ratio(first)) >= seen - 1e-9)
    assert swapped(before, after, n=20_000) == pytest.approx(mean(outcomes), abs=0.012)


def test_for_means_of_pairs_it_is_scipys() -> None:
    chance = Random(9)
    before = [chance.gauss(50, 5) for _ in range(12)]
    after = [value + chance.gauss(1.2, 1) for value in before]
    theirs = stats.permutation_test(
        (np.array(before), np.array(after)),
        lambda x, y, axis: np.mean(x, axis=axis) - np.mean(y, axis=axis),
        permutation_type="samples",
        n_resamples=20_000,
        vectorized=True,
        rng=np.random.default_rng(3),
    ).pvalue
    mean_ttft = parse("ttft_ms:mean")
    paired = p_value(_single(before), _single(after), mean_ttft, in_turns=True, n=20_000)
    apart = p_value(_single(before), _single(after), mean_ttft, n=20_000)
    assert paired == pytest.approx(float(theirs), abs=0.01)
    assert apart is not None
    assert apart > 0.3, "what both share hides the difference if nobody knows of it"


def test_one_place_alone_cannot_be_swapped() -> None:
    assert swapped([(1.0, 1)], [(2.0, 1)]) is None


def test_for_means_of_single_values_it_is_scipys() -> None:
    chance = Random(8)
    before, after = (
        [chance.gauss(50, 5) for _ in range(12)],
        [chance.gauss(54, 5) for _ in range(12)],
    )
    theirs = stats.permutation_test(
        (np.array(before), np.array(after)),
        lambda x, y, axis: np.mean(x, axis=axis) - np.mean(y, axis=axis),
        n_resamples=20_000,
        vectorized=True,
        rng=np.random.default_rng(3),
    ).pvalue
    ours = p_value(_single(before), _single(after), parse("ttft_ms:mean"), n=20_000)
    assert ours == pytest.approx(float(theirs), abs=0.006)


def _single(values: list[float]) -> Sample:
    return Sample(tuple((value,) for value in values))


@pytest.mark.parametrize(
    "counts", [(10, 20, 3, 20), (0, 9, 5, 9), (7, 100, 9, 80), (500, 1000, 540, 1000), (1, 4, 1, 4)]
)
def test_counts_above_are_fishers_exact_test(counts: tuple[int, int, int, int]) -> None:
    above_before, n_before, above_after, n_after = counts
    table = [[above_before, n_before - above_before], [above_after, n_after - above_after]]
    assert exact(*counts) == pytest.approx(float(stats.fisher_exact(table).pvalue), rel=1e-6)


def test_large_counts_agree_with_the_exact_test_at_its_end() -> None:
    table = [[6000, 9000], [6200, 8800]]
    expected = float(stats.chi2_contingency(table, correction=False).pvalue)
    assert exact(6000, 15_000, 6200, 15_000) == pytest.approx(expected, rel=1e-6)


def test_nothing_above_or_all_above_is_no_difference() -> None:
    assert exact(0, 5, 0, 7) == 1.0
    assert exact(5, 5, 7, 7) == 1.0


@pytest.mark.parametrize("quantity", ["ttft_ms:mean", "ttft_ms:p50"])
def test_equal_sources_differ_as_rarely_as_promised(quantity: str) -> None:
    chance = Random(5)
    found = []
    for seed in range(150):
        before, after = (
            blocked([(chance.lognormvariate(3, 0.5),) for _ in range(120)]) for _ in range(2)
        )
        found.append(found_p(before, after, quantity, n=150, seed=seed))
    assert mean(p <= 0.05 for p in found) <= 0.1
    if quantity.endswith("mean"):  # counts are few, so p-values of percentiles come in steps
        assert stats.kstest(found, "uniform").pvalue > 0.01


def found_p(
    before: Values, after: Values, quantity: str, *, n: int = DEALS, seed: int = SEED
) -> float:
    p = p_value(before, after, parse(quantity), n=n, seed=seed)
    assert p is not None
    return p


def test_a_shift_is_found() -> None:
    chance = Random(6)
    before = [chance.lognormvariate(3, 0.2) for _ in range(200)]
    assert found_p(_single(before), _single([v * 1.15 for v in before]), "ttft_ms:p50") < 0.01


def test_counted_values_are_compared_with_others() -> None:
    chance = Random(7)
    values = [chance.lognormvariate(3, 0.2) for _ in range(400)]
    histogram = Histogram()
    histogram.add_all(values)
    counted = Counted(histogram.data())
    assert found_p(counted, _single(values), "ttft_ms:p50") > 0.9
    assert found_p(counted, _single([v * 1.2 for v in values]), "ttft_ms:p50") < 0.001
    assert p_value(counted, _single(values), parse("ttft_ms:mean")) is None
    middle = pooled_percentile(counted, _single(values), 50)
    assert middle == pytest.approx(float(np.median(values)), rel=0.01)


def test_one_block_on_a_side_cannot_be_dealt() -> None:
    assert dealt([(1.0, 1)], [(2.0, 1), (3.0, 1)]) is None
