"""All files of one model: fetched one after the other, made visible together."""

from pathlib import Path

from velocity_local.core.downloads import Variant
from velocity_local.core.errors import Conflict, DiskFull, InvalidModel
from velocity_local.daemon.catalog.downloads.connection import Terms
from velocity_local.daemon.catalog.downloads.part import Origin, PartFile
from velocity_local.daemon.catalog.downloads.progress import Progress
from velocity_local.daemon.catalog.downloads.ranges import step_for
from velocity_local.daemon.catalog.downloads.stopping import Stop
from velocity_local.daemon.catalog.downloads.transfer import Transfer
from velocity_local.daemon.catalog.downloads.variants import model_id
from velocity_local.daemon.catalog.hub import Hub, HubFile, Repository
from velocity_local.daemon.catalog.mlx.config import MlxError, read_config, read_document
from velocity_local.daemon.catalog.mlx.files import CONFIG, DOCUMENTS

SPARE_BYTES = 256 * 1024 * 1024
"""Stays free on the disk, so that a download does not stop the machine's other work."""


class Delivery:
    """A variant of a repository on its way below the models folder."""

    def __init__(
        self, hub: Hub, repository: Repository, variant: Variant, models: Path, *, terms: Terms
    ) -> None:
        self.repository = repository
        self.variant = variant
        self.model = model_id(repository, variant)
        self.progress = Progress(variant.size_bytes, clock=terms.clock)
        self._terms = terms
        self._hub = hub
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

    def check_documents(self) -> None:
        """Read a model's settings at the hub, before its weights come. Blocking.

        Raises:
            InvalidModel: if they name code to be run, or are not sound.
            HubError, Interrupted: as `Hub.read`.
        """
        if self.variant.format != "mlx":
            return
        for file in self._files:
            if file.path in DOCUMENTS:
                _check_document(file, self._hub.read(self.repository, file))

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
                self._hub,
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


def _check_document(file: HubFile, data: bytes) -> None:
    try:
        read_config(data) if file.path == CONFIG else read_document(data)
    except MlxError as error:
        raise InvalidModel(f"{file.path} cannot be used: {error.reason}", param="model") from error
