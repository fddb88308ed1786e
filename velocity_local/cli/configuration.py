"""The verbs config get, set, path and validate."""

from pathlib import Path

import msgspec

from velocity_local.cli.call import Call
from velocity_local.cli.exits import Exit
from velocity_local.config import edit, keys, load, paths
from velocity_local.config.load import Loaded


def get(call: Call) -> int:
    """Settings in force, with where each comes from."""
    loaded = load.load(environ=call.environ)
    key: str | None = call.args.key
    wanted = list(keys.TYPES) if key is None else [keys.known(key, "config get")]
    if call.args.json:
        settings = [
            {"key": name, "value": value_of(loaded, name), "origin": loaded.origins[name]}
            for name in wanted
        ]
        call.out.json("config/1", settings=settings)
    elif key is not None:
        call.out.line(shown(value_of(loaded, key)))
    else:
        rows = [(name, shown(value_of(loaded, name)), loaded.origins[name]) for name in wanted]
        call.out.table(("SETTING", "VALUE", "ORIGIN"), rows)
    return Exit.OK


def set_(call: Call) -> int:
    """Change one setting in the user's file."""
    file = paths.locate(call.environ).config_file
    value = edit.set_value(file, call.args.key, call.args.value)
    call.out.note(f"{call.args.key} = {shown(value)} in {file}")
    if call.local().is_running():
        call.out.note("The daemon reads it when it starts: velocity-local restart")
    return Exit.OK


def path(call: Call) -> int:
    """Where the user's file is, whether it is there or not."""
    call.out.line(str(paths.locate(call.environ).config_file))
    return Exit.OK


def validate(call: Call) -> int:
    """Read the settings as the daemon does; what is wrong is the error."""
    file = Path(call.args.file) if call.args.file else None
    loaded = load.load(environ=call.environ, file=file)
    changed = sum(origin != "default" for origin in loaded.origins.values())
    call.out.note(f"Valid: {changed} of {len(loaded.origins)} settings are not the default.")
    return Exit.OK


def value_of(loaded: Loaded, key: str) -> object:
    section, name = key.split(".")
    return getattr(getattr(loaded.settings, section), name)


def shown(value: object) -> str:
    """As it is written on the command line: text bare, everything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
