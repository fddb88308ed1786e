"""What is told across widgets, in the past tense."""

from textual.message import Message

from velocity_tui.state import Snapshot


class SnapshotArrived(Message):
    """Something may have changed at the daemon."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot
