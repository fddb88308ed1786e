"""Everything a model's files say of it, for people: its template's text, its values, its origin."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from velocity_local.core.library import About, FileOrigin, Said
from velocity_local.core.models import ModelEntry
from velocity_local.daemon.catalog import provenance
from velocity_local.daemon.catalog.files import open_plain
from velocity_local.daemon.catalog.gguf import TEMPLATE_KEY
from velocity_local.daemon.catalog.inspection import files_of
from velocity_local.daemon.catalog.mlx.config import MAX_DOCUMENT_BYTES, read_document
from velocity_local.daemon.catalog.mlx.files import CONFIG
from velocity_local.daemon.catalog.preflight import inspect_part

MAX_TEMPLATE_CHARS = 64 * 1024
MAX_VALUES = 500
MAX_TEXT_CHARS = 400


def about(entry: ModelEntry) -> About:
    """Blocking: reads the headers again.

    Raises:
        UnsoundFile, UnreadableFile: if the files have changed into something else.
    """
    path = Path(entry.path)
    files = files_of(path)
    template, values = _of_folder(path) if entry.format == "mlx" else _of_file(path)
    return About(
        model=entry.id,
        files=tuple(str(file) for file in files),
        origins=tuple(_origins(files)),
        template=template[:MAX_TEMPLATE_CHARS],
        values=_shown(values),
    )


def _origins(files: list[Path]) -> list[FileOrigin]:
    found = [(file, provenance.read(file)) for file in files]
    return [
        FileOrigin(str(file), one.repository, one.revision, one.path, one.digest)
        for file, one in found
        if one is not None
    ]


def _of_file(path: Path) -> tuple[str, dict[str, Any]]:
    values = dict(inspect_part(path).header.values)
    return str(values.pop(TEMPLATE_KEY, "")), values


def _of_folder(folder: Path) -> tuple[str, dict[str, Any]]:
    settings = _document(folder / "tokenizer_config.json")
    template = _text(folder / "chat_template.jinja") or _document(
        folder / "chat_template.json"
    ).get("chat_template", settings.get("chat_template", ""))
    return template if isinstance(template, str) else "", _document(folder / CONFIG)


def _document(path: Path) -> dict[str, Any]:
    text = _text(path)
    return read_document(text.encode()) if text else {}


def _text(path: Path) -> str:
    """Empty if there is no such file."""
    if not path.exists():
        return ""
    file, _ = open_plain(path)
    with file:
        return file.read(MAX_DOCUMENT_BYTES).decode(errors="replace")


def _shown(values: Mapping[str, Any]) -> dict[str, Said]:
    """Numbers and texts, shortened; what is a list or an object is left out."""
    plain = {key: value for key, value in values.items() if isinstance(value, (str, int, float))}
    return {
        key[:MAX_TEXT_CHARS]: value[:MAX_TEXT_CHARS] if isinstance(value, str) else value
        for key, value in sorted(plain.items())[:MAX_VALUES]
    }
