"""All files of one model: fetched one after the other, made visible together."""

from pathlib import Path

from velocity_local.core.downloads import Variant
from velocity_local.core.errors import Conflict, DiskFull
from velocity_local.daemon.catalog.downloads.connection import Terms
from velocity_local.daemon.catalog.downloads.part import Origin, PartFile
from velocity_local.daemon.catalog.downloads.progress import Progress
from velocity_local.daemon.catalog.downloads.ranges import step_for
from velocity_local.daemon.catalog.downloads.source import Source
from velocity_local.daemon.catalog.downloads.stopping import Stop
from velocity_local.daemon.catalog.downloads.transfer import Transfer
from velocity_local.daemon.catalog.downloads.variants import model_id
from velocity_local.daemon.catalog.hub import Repository

SPARE_BYTES = 256 * 1024 * 1024
"""Stays free on the disk, so that a download does not stop the machine's other work."""


class Delivery:
    """A variant of a repository on its way below the models folder."""

    def __init__(
        self,
        source: Source,
        repository: Repository,
        variant: Variant,
        models: Path,
        *,
        terms: Terms,
    ) -> None:
        self.repository = repository
        self.variant = variant
        self.model = model_id(repository, variant)
        self.progress = Progress(variant.size_bytes, clock=terms.clock)
        self._terms = terms
        self.source = source
        self._models = models
        by_path = {file.path: file for file in repository.files}
        self._files = [by_path[path] for path in (*variant.files, *variant.companions)]
        self._parts = [
            PartFile(
                models / repository.id / file.path,
                Origin(repository.id, repository.revision, *file, step_for(file.size_bytes)),
            )
            for file in self._files
        ]

    @property
    def key(self) -> tuple[Path, ...]:
        """What is written: two deliveries with the same key are one."""
        return tuple(part.target for part in self._parts)

    def show_progress(self) -> None:
        """Let the progress tell what is on disk already; `run` finds out by itself."""
        self.progress.set_file(self.progress.total_bytes - self.missing_bytes())

    def missing_bytes(self) -> int:
        return sum(part.size_bytes - part.bytes_on_disk() for part in self._parts)

    def check_room(self, *, reserved_bytes: int) -> None:
        """Raises DiskFull if the disk cannot hold this beside the bytes others wait for."""
        import shutil  # noqa: PLC0415 - brings compressors that the daemon's start need not wait for

        missing = self.missing_bytes()
        free = shutil.disk_usage(self._models).free - reserved_bytes
        if missing and free < missing + SPARE_BYTES:
            raise DiskFull(
                f"{self.model} needs {missing} more bytes and {SPARE_BYTES} to spare; the disk of"
                f" {self._models} has {max(free, 0)} free",
                details={"missing_bytes": missing, "free_bytes": max(free, 0)},
            )

    def run(self, stop: Stop) -> None:
        """Fetch, verify and publish. Blocking; errors as of `Transfer.run`."""
        self._check_folder()
        for file, part in zip(self._files, self._parts, strict=True):
            transfer = Transfer(
                self.source,
                self.repository,
                file,
                part,
                progress=self.progress,
                stop=stop,
                terms=self._terms,
            )
            transfer.run()
            self.progress.finish_file(file.size_bytes)
        # The first part is what makes the catalogue look for the others: it comes last, as the
        # first of these.
        for part in reversed(self._parts):
            part.publish()

    def discard(self) -> None:
        """Remove what is not whole."""
        for part in self._parts:
            part.discard()

    def _check_folder(self) -> None:
        """A link below the models folder must not lead writes out of it."""
        root = self._models.resolve()
        for part in self._parts:
            if not part.target.parent.resolve().is_relative_to(root):
                raise Conflict(f"{part.target.parent} leads out of the models folder; move it away")
