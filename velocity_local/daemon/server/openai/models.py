"""`GET /v1/models`: encoded once for as long as the list of models stays the same."""

from collections.abc import Iterator, Sequence

import msgspec

from velocity_local.core.models import ModelEntry
from velocity_local.wire.http.openai_answers import Model, ModelList

OWNER = "local"


class ModelPages:
    """Bodies of the models endpoints."""

    def __init__(self) -> None:
        self._entries: tuple[ModelEntry, ...] = ()
        self._list = _encoded_list(())

    def all(self, entries: Sequence[ModelEntry]) -> bytes:
        current = tuple(entries)
        if current != self._entries:
            self._entries = current
            self._list = _encoded_list(current)
        return self._list

    def one(self, entry: ModelEntry) -> bytes:
        return msgspec.json.encode(_model(entry))


def _encoded_list(entries: Sequence[ModelEntry]) -> bytes:
    return msgspec.json.encode(ModelList(data=list(_models(entries))))


def _models(entries: Sequence[ModelEntry]) -> Iterator[Model]:
    """Each model, and after it the same with each of its adapters."""
    for entry in entries:
        yield _model(entry)
        for adapter in entry.adapters:
            yield _model(msgspec.structs.replace(entry, adapter=adapter))


def _model(entry: ModelEntry) -> Model:
    return Model(id=entry.asked_id, created=entry.created_s, owned_by=OWNER)
