"""A real worker that measures a real model: progress, an outcome, and its own end."""

from pathlib import Path

import pytest

from tests.process.worker.harness import Worker, worker
from tests.support import tiny_models
from velocity_local.core.models import LoadOptions
from velocity_local.core.tuning import TuneKey, TunePlan, TuneResult
from velocity_local.wire.ipc.messages import LoadFailed, Tune, Tuned, Tuning

pytestmark = pytest.mark.process
KEYS: tuple[TuneKey, ...] = ("n_threads", "flash_attention", "kv_type", "speculation")


def measured(running: Worker, path: Path, *, budget_s: float = 8.0) -> TuneResult | LoadFailed:
    running.send(Tune(str(path), TunePlan(LoadOptions(), KEYS, budget_s)))
    *statuses, last = running.until(lambda report: isinstance(report, Tuned | LoadFailed))
    assert all(isinstance(status, Tuning) for status in statuses)
    if isinstance(last, LoadFailed):
        return last
    assert isinstance(last, Tuned)
    assert len(statuses) > 3
    return last.result


@pytest.mark.parametrize("write", [tiny_models.write_llama, tiny_models.write_recurrent])
def test_models_of_several_kinds_are_measured(write: object, tmp_path: Path) -> None:
    assert callable(write)
    with worker() as running:
        result = measured(running, write(tmp_path / "m.gguf"))
        assert running.exit_code() == 0
    assert isinstance(result, TuneResult)
    assert 0 < result.seconds < 60
    assert result.cost > 0
    tried = {step.key for step in result.steps}
    assert tried
    assert tried | set(result.unmeasured) <= set(KEYS)
    can_guess = write is tiny_models.write_llama
    assert bool(result.values.pass_ms) is ("speculation" in tried) is can_guess
    for step in result.steps:
        assert (
            step.key == "speculation"
            or step.problem
            or (step.figures is not None and step.figures.decode_ms > 0)
        )


def test_a_model_that_writes_nothing_is_refused(tmp_path: Path) -> None:
    with worker() as running:
        failed = measured(running, tiny_models.write_embedder(tmp_path / "e.gguf"))
        assert isinstance(failed, LoadFailed)
        assert "write text" in failed.error.message
        assert running.exit_code() == 3


def test_it_ends_with_the_daemon(tmp_path: Path) -> None:
    path = tiny_models.write_llama(tmp_path / "m.gguf")
    with worker() as running:
        running.send(Tune(str(path), TunePlan(LoadOptions(), KEYS, 10_000.0)))
        running.until(lambda report: isinstance(report, Tuning))
        running.close_input()
        running.exit_code()
