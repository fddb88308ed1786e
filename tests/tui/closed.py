"""A door behind which nobody is, for tests that feed the app its values themselves."""

import threading

from velocity_local.client.http import HttpClient


class ClosedDoor:
    """Never opens: the watch stays in its first look."""

    is_own = False
    where = "nowhere"

    def connect(self) -> HttpClient | None:
        threading.Event().wait()
        raise AssertionError

    def start(self) -> None:
        raise AssertionError
