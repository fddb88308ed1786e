"""The verbs keys create, list and revoke: the API keys that the daemon accepts."""

import time
from datetime import UTC, datetime
from pathlib import Path

from velocity_local.cli.call import Call
from velocity_local.cli.exits import Exit
from velocity_local.config import load, secrets
from velocity_local.config.paths import private_dir


def create(call: Call) -> int:
    """Make a key and show it, this once."""
    file = _file(call)
    private_dir(file.parent)
    secret = secrets.create_key(
        file, call.args.name, created_s=int(time.time()), priority=getattr(call.args, "class")
    )
    if call.args.json:
        call.out.json("keys-create/1", name=call.args.name, key=secret)
    else:
        call.out.line(secret)
    call.out.note("Keep it: it is not shown again. From now on every request needs a key.")
    _tell_when(call)
    return Exit.OK


def list_(call: Call) -> int:
    """Every key by name and its last four characters."""
    keys = secrets.load_keys(_file(call)).keys
    if call.args.json:
        call.out.json("keys/1", keys=[_shown(key) for key in keys])
    else:
        rows = [(key.name, f"…{key.last4}", key.priority, _day(key.created_s)) for key in keys]
        call.out.table(("NAME", "KEY", "CLASS", "CREATED"), rows)
    return Exit.OK


def revoke(call: Call) -> int:
    """Take a key back."""
    secrets.revoke_key(_file(call), call.args.name)
    call.out.note(f"Revoked {call.args.name}.")
    _tell_when(call)
    return Exit.OK


def _shown(key: secrets.ApiKey) -> dict[str, str | int]:
    return {
        "name": key.name,
        "last4": key.last4,
        "class": key.priority,
        "created_s": key.created_s,
    }


def _file(call: Call) -> Path:
    loaded = load.load(environ=call.environ)
    named = loaded.settings.server.api_key_file
    return loaded.paths.api_keys_file if named is None else Path(named)


def _tell_when(call: Call) -> None:
    if call.local().is_running():
        call.out.note("The daemon reads its keys when it starts: velocity-local restart")


def _day(created_s: int) -> str:
    return datetime.fromtimestamp(created_s, UTC).date().isoformat()
