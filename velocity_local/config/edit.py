"""Changes one setting in the user's file and leaves the rest of it, comments too, as it was."""

import re
import stat
import tomllib
from pathlib import Path

from velocity_local.config import keys
from velocity_local.config.atomic import write_atomic
from velocity_local.config.errors import ConfigError
from velocity_local.config.paths import private_dir


def set_value(file: Path, key: str, text: str) -> object:
    """Set `key` to what `text` stands for, or remove it for "null"; returns the value.

    Raises:
        ConfigError: if the key or value is not valid, or the file is not TOML; the file is then
            unchanged.
    """
    known = keys.known(key, "config set")
    value = None if text == "null" else keys.parse(known, text)
    content = edited(_read(file), key, value, place=str(file))
    private_dir(file.parent)
    mode = stat.S_IMODE(file.stat().st_mode) if file.exists() else 0o600
    try:
        write_atomic(file, content.encode(), mode=mode)
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}") from error
    return value


def edited(content: str, key: str, value: object, *, place: str) -> str:
    """The TOML text with `key` set, or removed for None.

    Raises:
        ConfigError: if `content` is not TOML, or holds something else in the section's place.
    """
    section, name = key.split(".")
    try:
        before = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{place}: {error}; mend it first") from error
    table = before.get(section)
    if not isinstance(table, dict | None):
        raise ConfigError(f"{place}: {section} is not a table; mend it first")
    if value is not None and table is not None and name not in table:
        after = {**before, section: {**table, name: _plain(value)}}
        added = _below_header(content, section, name, value)
        if added is not None and tomllib.loads(added) == after:
            return added
    return _replaced(content, section, name, value)


def _replaced(content: str, section: str, name: str, value: object) -> str:
    import tomlkit  # noqa: PLC0415 - only `config set` writes, and every command imports config

    document = tomlkit.parse(content)
    if value is not None:
        document.setdefault(section, tomlkit.table())[name] = _plain(value)
    elif section in document:
        document[section].pop(name, None)
    return tomlkit.dumps(document)


def _below_header(content: str, section: str, name: str, value: object) -> str | None:
    """A new key directly below its `[section]`: tomlkit would put it after the comments that
    introduce the next section. None if there is no such header.
    """
    import tomlkit  # noqa: PLC0415 - as in `_replaced`

    header = re.search(rf"^[ \t]*\[[ \t]*{section}[ \t]*\][^\r\n]*", content, re.MULTILINE)
    if header is None:
        return None
    newline = "\r\n" if "\r\n" in content else "\n"
    line = f"{name} = {tomlkit.item(_plain(value)).as_string()}"
    return content[: header.end()] + newline + line + content[header.end() :]


def _plain(value: object) -> object:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {file}: {error}") from error
