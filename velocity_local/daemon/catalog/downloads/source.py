"""Where a download's bytes come from: the hub, or an address that somebody gave with a hash."""

from contextlib import AbstractContextManager
from typing import Protocol

from velocity_local.daemon.catalog.fetch import Incoming
from velocity_local.daemon.catalog.hub import HubFile, Repository


class Source(Protocol):
    def open(
        self, repository: Repository, file: HubFile, *, first: int = 0, end: int | None = None
    ) -> AbstractContextManager[Incoming]:
        """The file's bytes from `first` to before `end`, or whatever is sent instead.

        Raises:
            HubError: for what must not be asked or listened to.
            ModelNotFound: if it is not there.
            Interrupted: also while pieces are read, when they stop coming.
        """
        ...
