"""The overhead of a step is counted for steps in which every sequence got a token."""

import pytest

from benchmarks.overhead import measure
from velocity_local.core.models import LoadOptions
from velocity_local.worker.backends.registry import load


@pytest.mark.parametrize("rows", [1, 5])
def test_every_counted_step_has_a_cost_in_each_part(rows: int) -> None:
    backend = load("fake", LoadOptions(n_ctx=2048, backend="fake"))

    costs = measure(backend, rows=rows, steps=10, prompt_tokens=8)

    assert len(costs) == 10
    assert all(
        min(cost.backend_us, cost.engine_us, cost.text_us, cost.frames_us) > 0 for cost in costs
    )
