"""Takes models of other programs over: by a link to each file, or by a note of where they lie."""

import errno
import os
from pathlib import Path
from typing import NoReturn

from velocity_local.config.stores import StorePaths
from velocity_local.core.errors import Conflict, DiskFull, InvalidModel, InvalidRequest
from velocity_local.core.unsound import UnsoundFile
from velocity_local.daemon.catalog import preflight, provenance
from velocity_local.daemon.catalog.adopted import Adopted, AdoptedFiles
from velocity_local.daemon.catalog.downloads.reference import is_safe_path
from velocity_local.daemon.catalog.files import UnreadableFile, part_path, split_of
from velocity_local.daemon.catalog.inspected import Inspected
from velocity_local.daemon.catalog.mlx.files import name_in
from velocity_local.daemon.catalog.mlx.preflight import inspect_files
from velocity_local.daemon.catalog.stores import Seen, in_folder, in_stores, of_path

# The file system has no links, or the file lies on another one.
_NO_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS})


class Adoption:
    """Blocking: for threads."""

    def __init__(self, models: Path, stores: StorePaths, adopted: AdoptedFiles) -> None:
        self._models = models
        self._stores = stores
        self._adopted = adopted

    def look(self, folder: str | None) -> list[Seen]:
        """What the known programs keep, or what lies below `folder`.

        Raises:
            InvalidRequest: if that is no folder.
        """
        if folder is None:
            return in_stores(self._stores)
        path = Path(folder).expanduser()
        if not path.is_absolute() or not path.is_dir():
            raise InvalidRequest(
                f"{folder[:200]!r} is no absolute path of a folder", param="folder"
            )
        return in_folder(path)

    def find(self, text: str) -> Seen:
        """The model at a path.

        Raises:
            InvalidRequest: if there is none.
        """
        path = Path(text).expanduser()
        known = [one for one in in_stores(self._stores) if path in {one.files[0], one.folder}]
        seen = known[0] if known else of_path(path) if path.is_absolute() else None
        if seen is None:
            raise InvalidRequest(
                f"{text[:200]!r} is no absolute path of a GGUF file with all its parts, nor of a"
                " folder in MLX's format",
                param="path",
            )
        return seen

    def take(self, seen: Seen) -> None:
        """Give its files names in the models folder.

        Raises:
            InvalidModel: if the loader must not see them.
            Conflict: if there are such names.
            DiskFull: if they can be neither linked nor referred to.
        """
        problem = problem_of(seen)
        if problem:
            raise InvalidModel(f"{seen.folder or seen.files[0]} cannot be used: {problem}")
        taken: list[Path] = []
        try:
            # The first one makes the model visible.
            for source, target in reversed([*zip(seen.files, self._targets(seen), strict=True)]):
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(source.resolve(), target)
                taken.append(target)
                noted = provenance.of_blob(source.resolve(), f"{seen.store}: {seen.id}")
                if noted is not None:
                    provenance.write(target, noted)
        except OSError as error:
            for target in taken:
                unlink(target)
            self._refer(seen, error)

    def let_go(self, seen: Seen) -> None:
        """Undo `take`."""
        if not self._adopted.remove(seen.id):
            for target in self._targets(seen):
                unlink(target)

    def _targets(self, seen: Seen) -> list[Path]:
        if seen.folder is not None:
            return [self._models / seen.id / name_in(seen.folder, path) for path in seen.files]
        first = self._models / f"{seen.id}.gguf"
        count = len(seen.files)
        if count == 1:
            return [first]
        one = first.with_name(f"{first.stem}-00001-of-{count:05d}.gguf")
        return [part_path(one, number + 1) for number in range(count)]

    def _refer(self, seen: Seen, error: OSError) -> None:
        """Remember where it lies, as it cannot be linked."""
        if error.errno == errno.EEXIST:
            raise Conflict(f"a file of model {seen.id!r} is there already; give another name")
        real = (seen.folder or seen.files[0]).resolve()
        if error.errno not in _NO_LINK or not _has_own_names(seen, real):
            _cannot_link(self._models, seen, error)
        self._adopted.add(Adopted(seen.id, str(real)))


def _has_own_names(seen: Seen, real: Path) -> bool:
    """Whether the files can be opened where they lie, by the names that the loader expects."""
    if seen.folder is not None:
        return not any(path.is_symlink() for path in seen.files)
    return split_of(real.stem) is not None or len(seen.files) == 1


def _cannot_link(models: Path, seen: Seen, error: OSError) -> NoReturn:
    raise DiskFull(
        f"{seen.files[0]} cannot be linked into {models}: {error.strerror}; set paths.models to a"
        " folder on the same disk"
    ) from error


def problem_of(seen: Seen) -> str:
    """Why the loader must not see it; empty if it may."""
    real = seen.files[0].resolve()
    if seen.folder is None and len(seen.files) > 1 and split_of(real.stem) is None:
        return ""  # its parts have their names only once they are linked
    try:
        model = _inspect(seen, real)
    except (UnsoundFile, UnreadableFile) as error:
        return str(error)
    return "" if model.facts.is_model else "it is no model but a part of one"


def _inspect(seen: Seen, first: Path) -> Inspected:
    if seen.folder is None:
        return preflight.inspect(first)
    files = {name_in(seen.folder, path): path.resolve() for path in seen.files}
    return inspect_files(seen.folder.name, files)


def checked_id(text: str) -> str:
    """The id, if files below the models folder may have it.

    Raises:
        InvalidRequest: if not.
    """
    if not is_safe_path(f"{text}.gguf"):
        raise InvalidRequest(
            f"{text[:80]!r} is no name for a model; take letters, digits, dots, dashes and up to"
            " three slashes",
            param="id",
        )
    return text


def unlink(path: Path) -> None:
    """Remove a model's file, and the note of where it came from."""
    path.unlink(missing_ok=True)
    provenance.file_of(path).unlink(missing_ok=True)
