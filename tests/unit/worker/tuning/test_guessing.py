"""What tuning finds out about guessing, on a scripted machine whose time is ours."""

import pytest

from tests.unit.worker.tuning.test_search import FakeTime
from velocity_local.core.models import LoadOptions
from velocity_local.core.tuning import TuneKey, TunePlan, TuneStatus
from velocity_local.worker.engine.speculation.costs import PassCosts
from velocity_local.worker.tuning.candidates import Machine
from velocity_local.worker.tuning.guessing import pass_costs, verdicts
from velocity_local.worker.tuning.search import Search
from velocity_local.worker.tuning.trial import Workload

OPTIONS = LoadOptions(n_batch=64)
KEYS: tuple[TuneKey, ...] = ("speculation",)


def test_passes_of_more_rows_are_measured_and_noise_does_not_matter() -> None:
    bench = FakeTime({}, noise=lambda number: 9.0 if number % 5 == 0 else 1.0)
    costs = pass_costs(bench, OPTIONS, Workload(64, 4, 3), bench.clock)
    assert [n_rows for n_rows, _ in costs] == [1, 2, 4, 8, 16, 32]
    assert [ms for _, ms in costs] == pytest.approx([11, 12, 14, 18, 26, 42])
    assert bench.n_open == 0


@pytest.mark.parametrize(
    ("row_ms", "expected"),
    [(0.1, [True, True]), (4.0, [True, False]), (20.0, [False, False])],
    ids=["rows cost nothing", "rows cost a little", "rows cost as much as passes"],
)
def test_whether_guessing_pays_depends_on_rows_and_text(
    row_ms: float, expected: list[bool]
) -> None:
    costs = [(n, 20.0 + (n - 1) * row_ms) for n in (1, 2, 4, 8, 16, 32)]
    steps = verdicts(costs)
    assert [step.value for step in steps] == ["copied text", "free text"]
    assert [step.is_better for step in steps] == expected
    assert all((step.cost or 0) < 1 / 1.2 for step in steps if step.is_better)


def test_a_search_keeps_the_costs_and_tells_what_they_mean() -> None:
    bench = FakeTime({})
    told: list[TuneStatus] = []
    plan = TunePlan(OPTIONS, KEYS, budget_s=20.0)
    machine = Machine(physical_cores=2, logical_cores=4, n_threads=2)
    result = Search(bench, plan, machine, clock=bench.clock, report=told.append).run()
    assert [n_rows for n_rows, _ in result.values.pass_ms] == [1, 2, 4, 8, 16, 32]
    assert result.values.given() == {}
    assert [step.key for step in result.steps] == ["speculation"] * 2
    assert "what guessing costs" in [status.doing for status in told]


def test_what_was_measured_need_not_be_tried() -> None:
    costs = PassCosts()
    assert costs.relative(8, 1, 0) is None
    costs.know([(1, 10.0), (8, 30.0)])
    assert costs.relative(8, 1, 0) == pytest.approx(3.0)
    assert costs.relative(8, 1, 5000) == pytest.approx(3.0)
    for _ in range(5):
        costs.observe(8, 0, 50.0)
    assert costs.relative(8, 1, 0) == pytest.approx(5.0)
