"""The verbs about aliases: list, set, rollback, remove."""

from velocity_local.cli.call import Call
from velocity_local.cli.exits import Exit
from velocity_local.client import api
from velocity_local.core.aliases import Alias
from velocity_local.core.units import moment


def list_(call: Call) -> int:
    """Every alias with what it stands for."""
    found = api.aliases(call.connect())
    if call.args.json:
        call.out.json("alias-list/1", aliases=found)
    elif found:
        call.out.table(("ALIAS", "MODEL", "SINCE", "STANDBY"), [_row(alias) for alias in found])
    else:
        call.out.note("There are no aliases: velocity-local alias set NAME MODEL")
    return Exit.OK


def set_(call: Call) -> int:
    """Let a name stand for a model."""
    return _told(call, api.set_alias(call.connect(), call.args.name, call.args.model))


def rollback(call: Call) -> int:
    """Let it stand for what it stood for before."""
    return _told(call, api.roll_back_alias(call.connect(), call.args.name))


def remove(call: Call) -> int:
    """Forget it; the model stays."""
    removed = api.remove_alias(call.connect(), call.args.name)
    if call.args.json:
        call.out.json("alias/1", alias=removed)
    else:
        call.out.note(f"Removed the alias {removed.name}; {removed.model} stays.")
    return Exit.OK


def _told(call: Call, alias: Alias) -> int:
    if call.args.json:
        call.out.json("alias/1", alias=alias)
    else:
        call.out.line(f"{alias.name}  {alias.model}")
    return Exit.OK


def _row(alias: Alias) -> tuple[str, ...]:
    active = alias.version(alias.active)
    standby = "" if alias.standby is None else alias.version(alias.standby).model
    return alias.name, active.model, moment(active.set_s), standby
