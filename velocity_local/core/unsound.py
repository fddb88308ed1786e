"""The one error of those who read model files: where a file is not sound, and why."""


class UnsoundFile(Exception):
    """`offset` is the byte at which it was seen; `file` names one of several."""

    def __init__(self, offset: int, reason: str, *, file: str = "") -> None:
        where = f"{file}, " if file else ""
        super().__init__(f"{where}at byte {offset}: {reason}")
        self.offset = offset
        self.reason = reason
