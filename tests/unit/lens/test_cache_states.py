"""What is asked before a run, and in it, so that the server's cache is in the state it is about."""

import pytest

from tests.support.chat_server import HELLO, serving
from tests.unit.lens.running import LENS, scenario
from velocity_local.lens.errors import LensError
from velocity_local.lens.loads import Iterations
from velocity_local.lens.results import CacheState
from velocity_local.lens.scenarios import Synthetic


def test_cold_prompts_are_all_different_also_from_run_to_run() -> None:
    with serving(lambda _: HELLO) as served:
        for _ in range(2):
            LENS.run(scenario(served, load=Iterations(requests=4)))
        prompts = [str(body["messages"]) for body in served.bodies]
    assert len(set(prompts)) == 8


def test_prompts_that_come_again_are_not_cold() -> None:
    with serving(lambda _: HELLO) as served, pytest.raises(LensError, match="not cold"):
        LENS.run(scenario(served, workload=Synthetic(prompts=2)))


def test_warm_prompts_are_asked_before() -> None:
    with serving(lambda _: HELLO) as served:
        work = Synthetic(prompt_tokens=8, output_tokens=4, prompts=2)
        result = LENS.run(
            scenario(served, load=Iterations(requests=4), workload=work, cache=CacheState.WARM)
        )
        prompts = [str(body["messages"]) for body in served.bodies]
    assert result.cache_state is CacheState.WARM
    assert len(prompts) == 6
    assert set(prompts[2:]) == set(prompts[:2])


def test_a_shared_prefix_is_asked_once_before() -> None:
    with serving(lambda _: HELLO) as served:
        work = Synthetic(prompt_tokens=40, output_tokens=4)
        state = CacheState.PREFIX_SHARED
        LENS.run(scenario(served, load=Iterations(requests=3), workload=work, cache=state))
        texts = [str(body["messages"][0]["content"]) for body in served.bodies]  # type: ignore[index]  # JSON
    assert len(texts) == 4
    assert len({text[:60] for text in texts}) == 1
    assert len(set(texts)) == 4
