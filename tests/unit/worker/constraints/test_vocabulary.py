"""When the trie is built: not beside what a model was loaded for, but once somebody wants it."""

import threading

import pytest

from tests.unit.worker.constraints.vocabularies import LongTokenizer
from velocity_local.core.errors import CapacityError
from velocity_local.worker.constraints.vocabulary import Vocabulary


class WatchedTokenizer(LongTokenizer):
    """Tells when its pieces are read."""

    def __init__(self) -> None:
        super().__init__()
        self.is_read = threading.Event()

    def piece(self, token: int) -> bytes:
        self.is_read.set()
        return super().piece(token)


def test_it_waits_until_it_is_wanted() -> None:
    tokens = WatchedTokenizer()
    vocabulary = Vocabulary(tokens)
    vocabulary.start()
    assert not tokens.is_read.is_set()
    assert vocabulary.trie() is vocabulary.trie()
    assert tokens.is_read.is_set()


def test_one_that_is_closed_before_reads_nothing() -> None:
    tokens = WatchedTokenizer()
    vocabulary = Vocabulary(tokens)
    vocabulary.start()
    vocabulary.close()
    assert not tokens.is_read.is_set()


def test_without_a_start_nobody_waits_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("velocity_local.worker.constraints.vocabulary._PATIENCE_S", 0.01)
    with pytest.raises(CapacityError, match="not ready"):
        Vocabulary(WatchedTokenizer()).trie()
