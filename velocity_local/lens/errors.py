"""What stops the lens before or while it measures, in words for the one who asked."""


class LensError(Exception):
    """Base; the message says what, which and what to do next."""


class NoKey(LensError):
    """The provider wants a key and none was found."""


class BadScenario(LensError):
    """A scenario cannot be run as it is written."""
