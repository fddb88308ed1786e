"""The verbs about models as files: scan, import, verify, rm, disk, gc."""

from pathlib import Path

from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.watching import bar, watch
from velocity_local.client import api
from velocity_local.core.library import Check, DiskItem, Sighting
from velocity_local.core.units import size


def scan(call: Call) -> int:
    """Models that other programs keep on the daemon's machine."""
    folder = call.args.folder
    found = api.sightings(call.connect(), _absolute(call, folder) if folder else None)
    if call.args.json:
        call.out.json("scan/1", models=found)
    elif found:
        call.out.table(
            ("NAME", "STORE", "SIZE", "STATE", "FILE"), [_sighting(one) for one in found]
        )
    else:
        call.out.note("No models of other programs were found.")
    return Exit.OK


def import_(call: Call) -> int:
    """Take a model over without copying it."""
    model = api.import_model(call.connect(), _absolute(call, call.args.path), call.args.name)
    if call.args.json:
        call.out.json("import/1", model=model)
    else:
        call.out.line(model.id)
    return Exit.OK


def rm(call: Call) -> int:
    """Remove a model's files, after asking."""
    client = call.connect()
    model = api.model(client, call.args.model)
    if not call.args.yes and not _agrees(call, f"Remove {model.id} ({size(model.size_bytes)})?"):
        raise CliError("nothing was removed")
    removed = api.remove_model(client, model.id)
    if call.args.json:
        call.out.json("rm/1", removed=removed)
    else:
        freed = removed.size_bytes - removed.shared_bytes
        kept = "; another program keeps its file" if removed.shared_bytes else ""
        call.out.note(f"Removed {removed.model}, {size(freed)} are free now{kept}.")
    return Exit.OK


def verify(call: Call) -> int:
    """Compare a model's files with what was promised of them."""
    client = call.connect()
    started = api.start_check(client, call.args.model)

    def probe() -> Check | None:
        now = api.check(client, started.id)
        call.out.progress(bar(now.done_bytes / max(now.total_bytes, 1)))
        return None if now.state == "running" else now

    try:
        ended = watch(probe, call.out, "the check")
    except KeyboardInterrupt:
        api.cancel_check(client, started.id)
        return Exit.INTERRUPTED
    return _told(call, ended)


def _told(call: Call, ended: Check) -> int:
    if call.args.json:
        call.out.json("verify/1", check=ended)
    else:
        call.out.table(("FILE", "BYTES"), [(file.path, file.outcome) for file in ended.files])
    if ended.error is not None:
        raise CliError(ended.error)
    wrong = [file.path for file in ended.files if file.outcome == "wrong"]
    if wrong:
        raise CliError(
            f"{wrong[0]} does not have the bytes that were promised",
            next_step=f"velocity-local rm {ended.model}, then pull it again",
        )
    return Exit.OK


def disk(call: Call) -> int:
    """What each model takes."""
    answer = api.disk(call.connect())
    if call.args.json:
        call.out.json(
            "disk/1",
            models=answer.items,
            total_bytes=answer.total_bytes,
            free_bytes=answer.free_bytes,
            folder=answer.folder,
        )
        return Exit.OK
    call.out.table(("MODEL", "SIZE", "SHARED", "FILES"), [_taken(item) for item in answer.items])
    call.out.note(f"{size(answer.total_bytes)} in models, {size(answer.free_bytes)} free.")
    return Exit.OK


def gc(call: Call) -> int:
    """Remove what no model needs."""
    client = call.connect()
    found = api.leftovers(client) if call.args.dry_run else api.clean_leftovers(client)
    if call.args.json:
        call.out.json("gc/1", files=found.items, is_removed=found.is_removed)
        return Exit.OK
    for leftover in found.items:
        call.out.line(f"{leftover.path}  {size(leftover.size_bytes)}  {leftover.reason}")
    total = size(sum(leftover.size_bytes for leftover in found.items))
    verb = "were removed" if found.is_removed else "could be removed"
    call.out.note(f"{len(found.items)} files, {total}, {verb}.")
    return Exit.OK


def _agrees(call: Call, question: str) -> bool:
    try:
        return call.out.ask(f"{question} [y/N] ").strip().casefold() in {"y", "yes"}
    except EOFError:
        return False


def _absolute(call: Call, path: str) -> str:
    """As seen from here; a daemon elsewhere has paths of its own."""
    return path if call.host is not None else str(Path(path).expanduser().absolute())


def _sighting(one: Sighting) -> tuple[str, ...]:
    state = one.problem or ("imported" if one.is_imported else "")
    return one.id, one.store, size(one.size_bytes), state, one.files[0]


def _taken(item: DiskItem) -> tuple[str, ...]:
    where = "elsewhere: " if item.is_reference else ""
    shared = size(item.shared_bytes) if item.shared_bytes else ""
    return item.model, size(item.size_bytes), shared, f"{where}{item.files[0]}"
