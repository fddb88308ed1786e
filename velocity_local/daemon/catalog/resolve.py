"""From the name a caller gives to the model it means, or to an error that helps."""

import difflib
from collections.abc import Sequence
from typing import Protocol

from velocity_local.core.errors import InvalidModel, ModelNotFound
from velocity_local.core.models import ModelEntry

MAX_NAME_CHARS = 512
SHOWN_CHARS = 120
NEAR_NAMES = 3


class Broken(Protocol):
    """A file that cannot be used, and why."""

    @property
    def id(self) -> str: ...

    @property
    def reason(self) -> str: ...

    @property
    def offset(self) -> int | None: ...


def resolve(name: str, entries: Sequence[ModelEntry], broken: Sequence[Broken]) -> ModelEntry:
    """The model that `name` stands for, as `find` says.

    Raises:
        ModelNotFound: no such model, or several that the name may stand for.
        InvalidModel: the name stands for a file that is damaged or hostile.
    """
    found = find(name, entries)
    if found is not None:
        return found
    for model in broken:
        if _key(name) in _keys(model.id):
            raise _invalid(model)
    raise _not_found(name, entries)


def find(name: str, entries: Sequence[ModelEntry]) -> ModelEntry | None:
    """The model with this id; else the only one whose id or last part is `name` in any case.

    A `.gguf` at the end is allowed.
    """
    for entry in entries:
        if entry.id == name:
            return entry
    key = _key(name)
    same_id = [entry for entry in entries if entry.id.casefold() == key]
    same_last = [entry for entry in entries if key in _keys(entry.id)]
    for matches in (same_id, same_last):
        if len(matches) == 1:
            return matches[0]
    return None


def _key(name: str) -> str:
    return name[:MAX_NAME_CHARS].casefold().removesuffix(".gguf")


def _keys(identifier: str) -> tuple[str, str]:
    folded = identifier.casefold()
    return folded, folded.rpartition("/")[2]


def _invalid(model: Broken) -> InvalidModel:
    details: dict[str, int | float | str] = {} if model.offset is None else {"offset": model.offset}
    return InvalidModel(
        f"the file of model {_shown(model.id)!r} cannot be used: {model.reason}",
        param="model",
        details=details,
    )


def _not_found(name: str, entries: Sequence[ModelEntry]) -> ModelNotFound:
    near = near_names(name, [entry.id for entry in entries])
    if near:
        advice = "did you mean " + " or ".join(repr(_shown(other)) for other in near) + "?"
    elif entries:
        advice = "see GET /v1/models for those that are here"
    else:
        advice = "the models folder is empty"
    return ModelNotFound(f"there is no model {_shown(name)!r}; {advice}", param="model")


def near_names(name: str, identifiers: Sequence[str]) -> list[str]:
    """Up to three ids that look like `name`, by their whole or their last part."""
    by_key: dict[str, str] = {}
    for identifier in identifiers:
        for key in _keys(identifier):
            by_key.setdefault(key, identifier)
    close = difflib.get_close_matches(_key(name), by_key, n=2 * NEAR_NAMES, cutoff=0.5)
    return list(dict.fromkeys(by_key[key] for key in close))[:NEAR_NAMES]


def _shown(name: str) -> str:
    return name if len(name) <= SHOWN_CHARS else name[:SHOWN_CHARS] + "..."
