"""The verbs adapters list, add and remove."""

from pathlib import Path

from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.client import adapters as api
from velocity_local.client.errors import ApiError
from velocity_local.core.units import size
from velocity_local.wire.http.adapters import AdapterAsk, AdapterItem


def list_(call: Call) -> int:
    """The adapters of all models, or of one."""
    found = api.adapters(call.connect())
    if call.args.model:
        found = tuple(item for item in found if item.model == call.args.model)
    if call.args.json:
        call.out.json("adapters/1", adapters=found)
    elif found:
        headers = ("ADAPTER", "RANK", "SIZE", "SCALE", "FILE")
        call.out.table(headers, [_row(item) for item in found])
        for item in found:
            if item.problem:
                call.out.note(item.problem)
    else:
        call.out.note("There are no adapters. Put a LoRA in GGUF below the models folder, then:")
        call.out.note("  velocity-local adapters add MODEL NAME FILE")
    return Exit.OK


def add(call: Call) -> int:
    """Give an adapter's file a name beside a model."""
    ask = AdapterAsk(call.args.model, call.args.name, _path(call), call.args.scale)
    item = api.add(call.connect(), ask)
    if call.args.json:
        call.out.json("adapter/1", adapter=item)
    else:
        call.out.line(item.id)
        call.out.note(f'Ask for it by this name: velocity-local run {item.id} "Hi"')
    return Exit.OK


def remove(call: Call) -> int:
    """Take an adapter off; its file stays."""
    try:
        item = api.remove(call.connect(), call.args.adapter)
    except ApiError as error:
        if error.status == 404:
            raise CliError(
                error.message, code=Exit.NOT_FOUND, next_step="velocity-local adapters list"
            ) from error
        raise
    if call.args.json:
        call.out.json("adapter/1", adapter=item)
    else:
        call.out.note(f"Removed {item.id}; its file stays: {item.path}")
    return Exit.OK


def _path(call: Call) -> str:
    """A file that is here is meant as it is; else the daemon looks below its models folder."""
    given: str = call.args.file
    here = Path(given).expanduser()
    return str(here.resolve()) if call.host is None and here.is_file() else given


def _row(item: AdapterItem) -> tuple[str, ...]:
    if item.problem or item.size_bytes is None:
        return item.id, "", "", f"{item.scale:g}", item.path
    return item.id, str(item.rank), size(item.size_bytes), f"{item.scale:g}", item.path
