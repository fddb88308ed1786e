"""The shipped list: sound, findable, and its names stand for repositories."""

import pytest

from velocity_local.config.paths import data_root
from velocity_local.core.search import Use
from velocity_local.daemon.catalog.curated import Curated
from velocity_local.daemon.catalog.downloads.reference import parse

CURATED = Curated(data_root() / "catalog.toml")
USES: tuple[Use, ...] = ("chat", "code", "reasoning", "vision", "embeddings", "rerank")


def test_every_entry_can_be_asked_for_and_tells_its_source() -> None:
    names = [model.name for model in CURATED.list.model]
    assert len(set(names)) == len(names)
    for model in CURATED.list.model:
        assert model.source.startswith("https://")
        assert model.licence
        assert model.parameters > 10**8
        assert model.context_length >= 2048
        for quantization in model.quantizations:
            reference = parse(CURATED.reference(f"{model.name}:{quantization}"))
            assert reference == (model.repository, quantization, None)


@pytest.mark.parametrize("use", USES)
def test_every_use_has_a_model(use: Use) -> None:
    assert all(use in found.uses for found in CURATED.matching("", use))
    assert CURATED.matching("", use)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("qwen3-4b", "unsloth/Qwen3-4B-Instruct-2507-GGUF:Q4_K_M"),
        ("Qwen3-4B@Q8_0", "unsloth/Qwen3-4B-Instruct-2507-GGUF:Q8_0"),
        ("someone/else:Q8_0", "someone/else:Q8_0"),
        ("nothing", "nothing"),
    ],
)
def test_a_name_stands_for_a_repository(text: str, reference: str) -> None:
    assert CURATED.reference(text) == reference


def test_sizes_follow_from_parameters_and_bits() -> None:
    (found,) = CURATED.matching("qwen3-embedding", None)
    by_name = {variant.quantization: variant for variant in found.variants}
    assert by_name["F16"].size_bytes == 2 * found.parameters
    assert all(variant.is_estimate for variant in found.variants)
