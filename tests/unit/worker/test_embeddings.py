from array import array
from collections.abc import Sequence

import pytest

from velocity_local.core.models import LoadOptions
from velocity_local.core.queueing import PRIORITIES, QueueTerms
from velocity_local.wire.ipc.messages import Embedded
from velocity_local.worker.backends.fake.model import FakeBackend
from velocity_local.worker.backends.fake.script import Script
from velocity_local.worker.embeddings import HEAD_START, EmbeddingJob, Embeddings, normalised


class Recording(FakeBackend):
    """Remembers which inputs were computed together."""

    def __init__(self) -> None:
        options = LoadOptions(n_batch=64, n_seq_max=4)
        super().__init__(Script(pooling="mean"), options)
        self.batches: list[int] = []

    def embed(self, inputs: Sequence[Sequence[int]]) -> list[bytes]:
        self.batches.append(len(inputs))
        return super().embed(inputs)


def _job(handle: int, *sizes: int, rank: int = 0, owner: str = "") -> EmbeddingJob:
    terms = QueueTerms(PRIORITIES[rank], owner, timeout_s=10.0)
    inputs = [(1,) * size for size in sizes]
    return EmbeddingJob(handle, inputs, None, terms=terms, arrived_s=100.0)


def _order(embeddings: Embeddings) -> list[int]:
    """Who is answered, one after the other."""
    answers = []
    while embeddings.has_work:
        answers.append(embeddings.step())
    return [answer.handle for answer in answers if answer]


def test_inputs_are_computed_a_batch_at_a_time() -> None:
    backend = Recording()
    embeddings = Embeddings(backend)
    embeddings.submit(_job(1, 30, 30, 30, 64, 5, 5))
    answers = [embeddings.step() for _ in range(4)]
    assert backend.batches == [2, 1, 1, 2]
    assert answers[:3] == [None] * 3
    last = answers[3]
    assert isinstance(last, Embedded)
    assert (last.handle, len(last.vectors), last.prompt_tokens) == (1, 6, 164)
    assert not embeddings.has_work


def test_jobs_are_answered_in_the_order_they_came() -> None:
    embeddings = Embeddings(Recording())
    embeddings.submit(_job(1, 3))
    embeddings.submit(_job(2, 3))
    answers = [embeddings.step(), embeddings.step()]
    assert [answer.handle for answer in answers if answer] == [1, 2]


def test_more_urgent_jobs_go_first_but_not_for_ever() -> None:
    embeddings = Embeddings(Recording())
    embeddings.submit(_job(0, 3, rank=1))
    for handle in range(1, 41):
        embeddings.submit(_job(handle, 3))
    answers = [embeddings.step() for _ in range(41)]
    order = [answer.handle for answer in answers if answer]
    assert order.index(0) == HEAD_START
    assert [handle for handle in order if handle] == list(range(1, 41))


def test_a_job_that_is_overtaken_half_way_goes_on_where_it_was() -> None:
    backend = Recording()
    embeddings = Embeddings(backend)
    embeddings.submit(_job(1, 64, 64, rank=2))
    assert embeddings.step() is None
    embeddings.submit(_job(2, 64))
    answers = [embeddings.step(), embeddings.step()]
    assert [answer.handle for answer in answers if answer] == [2, 1]
    assert len(backend.batches) == 3


def test_keys_take_turns_by_the_tokens_they_had() -> None:
    embeddings = Embeddings(Recording())
    for handle in range(1, 31):
        embeddings.submit(_job(handle, 20, owner="flood"))
    assert embeddings.step()
    for handle in (101, 102):
        embeddings.submit(_job(handle, 20, owner="newcomer"))
    order = _order(embeddings)
    assert max(order.index(101), order.index(102)) <= 4
    assert [handle for handle in order if handle < 100] == list(range(2, 31))


def test_a_long_job_is_no_longer_in_the_way_of_another_key_than_a_batch() -> None:
    embeddings = Embeddings(Recording())
    embeddings.submit(_job(1, *[64] * 50, owner="long"))
    assert embeddings.step() is None
    embeddings.submit(_job(2, 64, owner="short"))
    assert _order(embeddings) == [2, 1]


def test_who_was_idle_has_saved_nothing_up() -> None:
    embeddings = Embeddings(Recording())
    for handle in range(1, 11):
        embeddings.submit(_job(handle, 20, owner="busy"))
    for _ in range(5):
        embeddings.step()
    for handle in range(101, 106):
        embeddings.submit(_job(handle, 20, owner="idle"))
    order = _order(embeddings)
    assert order.index(6) <= 1


def test_a_job_that_has_not_begun_in_time_is_told_so() -> None:
    embeddings = Embeddings(Recording())
    embeddings.submit(_job(1, 64, 64))
    embeddings.submit(_job(2, 3))
    assert embeddings.step() is None
    assert embeddings.expire(109.9) == []
    ((handle, told),) = embeddings.expire(110.0)
    assert (handle, told.code) == (2, "queue_timeout")
    assert _order(embeddings) == [1]


def test_a_cancelled_job_is_gone() -> None:
    embeddings = Embeddings(Recording())
    embeddings.submit(_job(1, 3))
    embeddings.cancel(1)
    assert not embeddings.has_work


@pytest.mark.parametrize(
    ("values", "dimensions", "expected"),
    [
        pytest.param([3, 4], None, [0.6, 0.8], id="length one"),
        pytest.param([3, 4, 12], 2, [0.6, 0.8], id="first dimensions"),
        pytest.param([0, 0], None, [0, 0], id="nothing to scale"),
    ],
)
def test_normalised(values: list[float], dimensions: int | None, expected: list[float]) -> None:
    scaled = array("f", normalised(array("f", values).tobytes(), dimensions))
    assert list(scaled) == pytest.approx(expected)
