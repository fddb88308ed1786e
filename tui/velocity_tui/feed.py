"""The machine's figures as the daemon pushes them: a thread listens, the watch takes the newest."""

import threading

from velocity_local.client import live
from velocity_local.client.cancellation import Cancellation
from velocity_local.client.errors import ClientError
from velocity_local.client.http import HttpClient
from velocity_local.wire.http.telemetry import TelemetryAnswer


class Feed:
    """Begins at once. `is_over` once nothing more comes, be it that a proxy has no WebSockets."""

    def __init__(self, client: HttpClient, *, period_s: float) -> None:
        self._cancellation = Cancellation()
        self.latest: TelemetryAnswer | None = None
        self.is_over = False
        listen = threading.Thread(
            target=self._listen, args=(client, period_s), name="feed", daemon=True
        )
        listen.start()

    def stop(self) -> None:
        """May be called again."""
        self._cancellation.cancel()

    def _listen(self, client: HttpClient, period_s: float) -> None:
        try:
            with live.telemetry(
                client, period_s=period_s, cancellation=self._cancellation
            ) as values:
                for value in values:
                    self.latest = value
        except ClientError:
            self.is_over = True  # the watch asks instead, and tells what is wrong
