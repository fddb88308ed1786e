"""From what somebody writes to what has to be fetched: asks the hub, or the host of an address."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from velocity_local.core.downloads import Variant
from velocity_local.core.errors import HubError, InvalidModel, InvalidRequest
from velocity_local.daemon.catalog.curated import Curated
from velocity_local.daemon.catalog.downloads.address import Address, Check, is_address
from velocity_local.daemon.catalog.downloads.connection import Terms
from velocity_local.daemon.catalog.downloads.delivery import Delivery
from velocity_local.daemon.catalog.downloads.journal import Kept
from velocity_local.daemon.catalog.downloads.reference import is_hub_page, parse
from velocity_local.daemon.catalog.downloads.variants import choose, variants
from velocity_local.daemon.catalog.fetch import Interrupted
from velocity_local.daemon.catalog.hub import Hub, HubFile, Repository
from velocity_local.daemon.catalog.mlx.config import MlxError, read_config, read_document
from velocity_local.daemon.catalog.mlx.files import CONFIG, DOCUMENTS

_Answer = TypeVar("_Answer")


class Orders:
    """`check_address` says which addresses may be asked; the public network's, by default."""

    def __init__(
        self,
        models: Path,
        *,
        hub: Hub,
        curated: Curated,
        terms: Terms,
        check_address: Check | None = None,
    ) -> None:
        self._models = models
        self._hub = hub
        self._curated = curated
        self._terms = terms
        self._check_address = check_address

    async def offered(self, name: str) -> tuple[Repository, tuple[Variant, ...]]:
        """The models in the repository OWNER/NAME.

        Raises:
            ModelNotFound: if there is no such repository.
            HubError: if the hub cannot be asked.
        """
        reference = parse(self._curated.reference(name))
        repository = await _asked(lambda: self._hub.repository(reference.repository))
        return repository, variants(repository)

    async def placed(self, text: str, sha256: str | None) -> Delivery:
        """What `text` refers to; `sha256` goes with an address that is no hub's.

        Raises:
            InvalidRequest, ModelNotFound, HubError: if it cannot be found.
            InvalidModel: if it wants code of its own run.
        """
        if is_address(text) and not is_hub_page(text):
            return await self._at_address(text, sha256)
        if sha256 is not None:
            raise InvalidRequest(
                "a SHA-256 goes with an address that is no hub's; a hub promises its own",
                param="sha256",
            )
        reference = parse(self._curated.reference(text))
        repository = await _asked(lambda: self._hub.repository(reference.repository))
        variant = choose(repository, reference)
        await _asked(lambda: self._check_documents(repository, variant))
        return Delivery(self._hub, repository, variant, self._models, terms=self._terms)

    def restored(self, kept: Kept) -> Delivery:
        """What had not ended when the daemon did; nobody is asked.

        Raises:
            InvalidRequest: if its address is none.
        """
        source = self._hub if kept.url is None else self._address(kept.url)
        return Delivery(source, kept.promised(), kept.variant, self._models, terms=self._terms)

    async def _at_address(self, url: str, sha256: str | None) -> Delivery:
        address = self._address(url)
        if sha256 is None:
            raise InvalidRequest(
                f"{address.host} is no hub, so nothing tells what the bytes must be: give the"
                " file's SHA-256 as its publisher shows it (--sha256), or fetch it yourself and"
                " pull its path",
                param="sha256",
            )
        repository, variant = await _asked(lambda: address.described(sha256))
        return Delivery(address, repository, variant, self._models, terms=self._terms)

    def _address(self, url: str) -> Address:
        return Address(url, check=self._check_address)

    def _check_documents(self, repository: Repository, variant: Variant) -> None:
        """Read the settings of a model in MLX's format at the hub, before its weights come."""
        if variant.format != "mlx":
            return
        for file in repository.files:
            if file.path in variant.files and file.path in DOCUMENTS:
                _check_document(file, self._hub.read(repository, file))


def _check_document(file: HubFile, data: bytes) -> None:
    try:
        read_config(data) if file.path == CONFIG else read_document(data)
    except MlxError as error:
        raise InvalidModel(f"{file.path} cannot be used: {error.reason}", param="model") from error


async def _asked(question: Callable[[], _Answer]) -> _Answer:
    """What is answered at once; raises HubError if nobody does."""
    try:
        return await asyncio.to_thread(question)
    except Interrupted as error:
        raise HubError(f"{error.reason}; is this machine online? Try again") from error
