"""What nobody asked for becomes smaller, the smallest loss first; what was asked for stays."""

import pytest
from msgspec.structs import replace

from tests.unit.daemon.fleet.stage import MIB, Stage
from tests.unit.daemon.fleet.test_keeping import HUGE_CACHE, kinds, load_options
from velocity_local.core.fit import Shape
from velocity_local.core.models import LoadOptions
from velocity_local.daemon.fleet.economies import economies, second_try

NOTHING = LoadOptions()
WIDE = replace(HUGE_CACHE, head_width=128)
EMBEDDER = replace(WIDE, pools=True)
STATES = replace(WIDE, full_width=0, state_width=1000)


def told(asked: LoadOptions, shape: Shape | None = WIDE) -> list[tuple[int | None, str | None]]:
    return [(options.n_ctx, options.kv_type) for options in economies(asked, asked, shape)]


def test_the_numbers_of_the_cache_go_before_its_length() -> None:
    assert told(NOTHING) == [
        (None, "q8_0"),
        (4096, "q8_0"),
        (2048, "q8_0"),
        (1024, "q8_0"),
        (512, "q8_0"),
    ]


def test_what_was_asked_for_stays() -> None:
    assert told(LoadOptions(n_ctx=4096)) == [(4096, "q8_0")]
    assert {kv_type for _, kv_type in told(LoadOptions(kv_type="f32"))} == {"f32"}
    assert told(LoadOptions(n_ctx=4096, kv_type="f16")) == []


@pytest.mark.parametrize(
    "shape", [None, HUGE_CACHE, replace(WIDE, head_width=80), EMBEDDER, STATES]
)
def test_a_cache_that_the_engine_cannot_quantize_only_becomes_shorter(shape: Shape | None) -> None:
    assert {kv_type for _, kv_type in told(NOTHING, shape)} == {None}


def test_without_fused_attention_nothing_is_quantized() -> None:
    assert {kv_type for _, kv_type in told(LoadOptions(flash_attention=False))} == {None}


def test_a_second_try_halves_the_context_or_the_numbers_of_one_that_is_given() -> None:
    assert second_try(NOTHING, NOTHING, WIDE) == LoadOptions(n_ctx=4096)
    given = LoadOptions(n_ctx=8192)
    assert second_try(given, given, WIDE) == LoadOptions(n_ctx=8192, kv_type="q8_0")
    fixed = LoadOptions(n_ctx=8192, kv_type="f16")
    assert second_try(fixed, fixed, WIDE) is None


def test_a_model_is_loaded_with_the_first_that_fits_and_that_is_told() -> None:
    stage = Stage()
    stage.shapes["m"] = WIDE
    stage.effects.free_bytes = 1900 * MIB
    stage.ask("x")
    stage.up()
    assert load_options(stage) == LoadOptions(kv_type="q8_0")
    assert kinds(stage) == [("shrunk", "m")]
    assert "8192 tokens of context in q8_0" in stage.supervisor.diary.since(0)[0].text


def test_with_room_again_the_next_load_is_as_usual() -> None:
    stage = Stage()
    stage.shapes["m"] = WIDE
    stage.effects.free_bytes = 1900 * MIB
    stage.ask("x")
    stage.up()
    stage.supervisor.unload("m", lambda: None)
    stage.begin("x")
    stage.finish("x")
    stage.die("exit 0")
    stage.effects.free_bytes = 4000 * MIB
    stage.ask("y")
    stage.up()
    assert load_options(stage) == NOTHING
