"""The one error of those who read model files: where a file is not sound, and why."""


class UnsoundFile(Exception):
    """`offset` is the byte at which it was seen."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"at byte {offset}: {reason}")
        self.offset = offset
        self.reason = reason
