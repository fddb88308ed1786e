import math

import msgspec
import pytest

from velocity_local.core.errors import InvalidRequest
from velocity_local.core.sampling import RANGES, SamplingParams, check


def _with(name: str, value: float) -> SamplingParams:
    return msgspec.structs.replace(SamplingParams(), **{name: value})


def test_the_defaults_are_valid() -> None:
    check(SamplingParams())


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300, -1e300])
def test_an_impossible_number_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check(_with(name, value))
    assert refused.value.param == name


@pytest.mark.parametrize(("name", "limits"), RANGES.items())
def test_both_ends_of_a_range_are_allowed(name: str, limits: tuple[float, float]) -> None:
    for value in limits:
        check(_with(name, value))


@pytest.mark.parametrize("bias", [((1, 101.0),), ((1, math.nan),), ((-1, 0.0),), ((2**31, 0.0),)])
def test_a_bias_out_of_range_is_refused(bias: tuple[tuple[int, float], ...]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check(SamplingParams(logit_bias=bias))
    assert refused.value.param == "logit_bias"


def test_too_many_biases_are_refused() -> None:
    with pytest.raises(InvalidRequest):
        check(SamplingParams(logit_bias=tuple((i, 1.0) for i in range(1025))))
