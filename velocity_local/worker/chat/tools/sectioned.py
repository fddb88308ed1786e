"""Calls with marks of their own, one after another in a section that may be missing."""

from velocity_local.worker.chat.tools.call_parser import CallParser, Steps


class SectionedCalls(CallParser):
    """Each call stands after `CALL_OPEN`; all of them between `OPEN` and `CLOSE`, which models
    leave out at times.
    """

    OPEN: str
    CLOSE: str
    CALL_OPEN: str

    def read(self) -> Steps[None]:
        while marker := (yield from self.until(self.OPEN, self.CALL_OPEN, self.CLOSE)):
            if marker == self.CALL_OPEN or (
                marker == self.OPEN and (yield from self.accept_next(self.CALL_OPEN))
            ):
                yield from self.call()
            else:
                self.drop()

    def call(self) -> Steps[None]:
        """One call, from what follows `CALL_OPEN`; if it is none, it is given back."""
        raise NotImplementedError
