"""Where the verbs of the lens find runs: files of results, kept runs, baselines."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.config import paths
from velocity_local.config.load import load
from velocity_local.lens import formats
from velocity_local.lens.formats import BadResults
from velocity_local.lens.results import RunResult
from velocity_local.lens.store.database import StoreUnusable
from velocity_local.lens.store.shelf import InUse, NotKept, Shelf

_SUFFIXES = frozenset({".json", ".msgpack"})


@contextmanager
def shelf(call: Call) -> Iterator[Shelf]:
    """The lens's memory in the data folder; what it refuses ends the command.

    Raises:
        CliError: not found, in use, or the file cannot be used.
    """
    folder = load(environ=call.environ).paths.data_dir
    paths.private_dir(folder)
    try:
        with Shelf(folder) as opened:
            yield opened
    except NotKept as error:
        raise CliError(str(error), code=Exit.NOT_FOUND) from error
    except (InUse, StoreUnusable) as error:
        raise CliError(str(error)) from error


def runs_of(call: Call, source: str) -> list[RunResult]:
    """The runs that `source` names: files, run ids or baselines, commas between them.

    Raises:
        CliError: if one of them is not found, or holds no results.
    """
    found: list[RunResult] = []
    for part in source.split(","):
        found += _runs_of_one(call, part.strip())
    return found


def write_text(path: str, text: str) -> None:
    """Raises CliError if the file cannot be written."""
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CliError(f"cannot write {path}: {error.strerror}") from error


def write_results(target: Path, runs: Iterable[RunResult]) -> None:
    """Raises CliError if the file cannot be written."""
    try:
        formats.write(target, formats.result_file(runs))
    except OSError as error:
        raise CliError(f"cannot write {target}: {error.strerror}") from error


def _runs_of_one(call: Call, name: str) -> list[RunResult]:
    path = Path(name)
    if path.suffix in _SUFFIXES or path.is_file():
        try:
            return list(formats.read(path).runs)
        except BadResults as error:
            code = Exit.FAILURE if path.exists() else Exit.NOT_FOUND
            raise CliError(str(error), code=code) from error
    with shelf(call) as opened:
        if any(baseline.name == name for baseline in opened.baselines()):
            return opened.baseline(name)
        try:
            return [opened.run(name)]
        except NotKept as error:
            raise CliError(
                f"{name!r} is no file, no kept run and no baseline",
                code=Exit.NOT_FOUND,
                next_step="velocity-local lens list",
            ) from error
