"""A door behind which nobody is, for tests that feed the app its values themselves."""

import threading
from collections.abc import Mapping

from velocity_local.client.http import HttpClient
from velocity_tui.programs import CommandFailed


class ClosedDoor:
    """Never opens: the watch stays in its first look."""

    is_own = False
    where = "nowhere"

    @property
    def environ(self) -> Mapping[str, str]:
        raise CommandFailed("nobody is there")

    def connect(self) -> HttpClient | None:
        threading.Event().wait()
        raise AssertionError

    def start(self) -> None:
        raise AssertionError
