"""What layers keep: one header for each kind of attention, and values that no model has."""

from io import BytesIO

import pytest

from tests.support.gguf import LLAMA, Item, gguf
from velocity_local.daemon.catalog.cursor import GgufError
from velocity_local.daemon.catalog.fit_layers import Layer, Layers, read_layers
from velocity_local.daemon.catalog.gguf import read_header


def layers_of(architecture: str, **values: Item) -> Layers:
    base: dict[str, Item] = {
        "block_count": 8,
        "embedding_length": 64,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
    }
    named = {f"{architecture}.{key.replace('__', '.')}": value for key, value in values.items()}
    common = {f"{architecture}.{key}": value for key, value in base.items()}
    data = gguf({**LLAMA, **common, **named, "general.architecture": architecture})
    return read_layers(read_header(BytesIO(data), len(data)))


def test_grouped_heads_keep_what_their_keys_and_values_are_wide() -> None:
    found = layers_of("llama")
    assert found.layers == (Layer(32, 32, 0, is_windowed=False),) * 8
    assert not found.doubt


def test_heads_may_be_wider_than_their_share_of_the_width() -> None:
    found = layers_of("qwen3", attention__key_length=128, attention__value_length=64)
    assert found.layers[0] == Layer(256, 128, 0, is_windowed=False)


def test_layers_without_heads_keep_nothing() -> None:
    found = layers_of("deci", attention__head_count_kv=[2, 0, 2, 0, 2, 2, 2, 2])
    assert [layer.key for layer in found.layers] == [32, 0, 32, 0, 32, 32, 32, 32]


def test_compressed_keys_hold_the_values_too() -> None:
    found = layers_of(
        "deepseek2",
        attention__head_count_kv=1,
        attention__key_length=576,
        attention__value_length=512,
        attention__key_length_mla=192,
        attention__value_length_mla=128,
    )
    assert found.layers[0] == Layer(576, 0, 0, is_windowed=False)


@pytest.mark.parametrize(
    ("architecture", "windowed"),
    [("gemma3", "WWWWWFWW"), ("gpt-oss", "WFWFWFWF"), ("cohere2moe", "FWWWFWWW")],
)
def test_windows_repeat_as_the_architecture_says(architecture: str, windowed: str) -> None:
    found = layers_of(architecture, attention__sliding_window=32)
    assert found.window == 32
    assert "".join("W" if x.is_windowed else "F" for x in found.layers) == windowed


def test_a_header_may_list_its_windows_itself() -> None:
    pattern = [True, False] * 4
    found = layers_of(
        "gemma4", attention__sliding_window=32, attention__sliding_window_pattern=pattern
    )
    assert [x.is_windowed for x in found.layers] == pattern


def test_windows_have_their_own_head_width() -> None:
    found = layers_of("gemma3", attention__sliding_window=32, attention__key_length_swa=8)
    assert [x.key for x in found.layers] == [16, 16, 16, 16, 16, 32, 16, 16]


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "phi3", "exaone4"])
def test_a_window_that_the_engine_does_not_use_is_none(architecture: str) -> None:
    found = layers_of(architecture, attention__sliding_window=32)
    assert not any(x.is_windowed for x in found.layers)


def test_shared_layers_and_those_that_predict_further_keep_nothing() -> None:
    found = layers_of("gemma4", attention__shared_kv_layers=3, nextn_predict_layers=1)
    assert [x.key for x in found.layers] == [32, 32, 32, 32, 0, 0, 0]


def test_recurrent_models_have_a_state_and_no_cache() -> None:
    found = layers_of("mamba", ssm__conv_kernel=4, ssm__inner_size=128, ssm__state_size=16)
    assert found.layers[0] == Layer(0, 0, 3 * 128 + 16 * 128, is_windowed=False)


def test_hybrids_have_one_or_the_other() -> None:
    sizes = {"ssm__conv_kernel": 4, "ssm__inner_size": 128, "ssm__state_size": 16}
    found = layers_of("qwen35", full_attention_interval=4, **sizes)
    assert [bool(x.state) for x in found.layers] == [True, True, True, False] * 2
    assert [bool(x.key) for x in found.layers] == [False, False, False, True] * 2


def test_some_hybrids_have_both_in_every_layer() -> None:
    found = layers_of("falcon-h1", ssm__conv_kernel=4, ssm__inner_size=128, ssm__state_size=16)
    assert all(x.key and x.state for x in found.layers)


def test_encoders_keep_nothing() -> None:
    assert layers_of("bert").layers == ()


def test_what_the_header_does_not_size_is_told() -> None:
    assert "index" in layers_of("glm-dsa", attention__indexer__head_count=4).doubt


@pytest.mark.parametrize(
    "values",
    [
        {"block_count": 100_000},
        {"block_count": 1.5},
        {"embedding_length": 2**31},
        {"attention__head_count_kv": [2, 2]},
        {"attention__key_length": "wide"},
        {"attention__sliding_window": "all"},
    ],
)
def test_absurd_values_are_refused(values: dict[str, Item]) -> None:
    with pytest.raises(GgufError):
        layers_of("llama", **values)
