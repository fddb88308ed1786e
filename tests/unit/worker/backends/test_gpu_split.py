"""Layers for each GPU, as the library takes them: proportions that come out as these numbers."""

import ctypes
from bisect import bisect_right
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from velocity_local.worker.backends.llama_cpp.devices import split_over


def f32(value: float) -> float:
    return float(ctypes.c_float(value).value)


def divided(proportions: list[float], n_layers: int) -> list[int]:
    """`load_tensors` in llama-model.cpp: which device each layer goes to, in single precision."""
    sums = list(accumulate(proportions))
    splits = [f32(each / sums[-1]) for each in sums]
    devices = [bisect_right(splits, f32(layer / n_layers)) for layer in range(n_layers)]
    return [devices.count(device) for device in range(len(proportions))]


@given(st.lists(st.integers(0, 130), min_size=2, max_size=8).filter(any))
def test_each_gets_as_many_layers_as_were_chosen(layers: list[int]) -> None:
    split = split_over(layers, n_devices=len(layers), capacity=16)
    assert divided(list(split)[: len(layers)], sum(layers)) == layers
    assert list(split)[len(layers) :] == [0.0] * (16 - len(layers))


def test_what_is_for_other_devices_is_left_to_the_library() -> None:
    assert split_over((3, 4), n_devices=0, capacity=16) is None
    assert split_over((3, 4), n_devices=3, capacity=16) is None
    assert split_over((7,), n_devices=1, capacity=16) is None
    assert split_over((), n_devices=0, capacity=16) is None
