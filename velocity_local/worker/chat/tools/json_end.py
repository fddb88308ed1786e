"""Finds where a JSON object ends in text that streams. Does not check what is inside."""


class JsonEnd:
    """Counts brackets outside of strings. `depth` is how many are open before the first piece."""

    def __init__(self, *, depth: int) -> None:
        self._depth = depth
        self._in_string = False
        self._is_escaped = False

    def feed(self, text: str) -> int | None:
        """Where in `text` the object is over, or None if it goes on.

        A `<` outside of a string is not JSON: the object ends there, as the model broke it off.
        """
        for at, char in enumerate(text):
            if self._in_string:
                self._inside_string(char)
            elif char == '"':
                self._in_string = True
            elif char == "<":
                return at
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
                if self._depth <= 0:
                    return at + 1
        return None

    def _inside_string(self, char: str) -> None:
        if self._is_escaped:
            self._is_escaped = False
        elif char == "\\":
            self._is_escaped = True
        elif char == '"':
            self._in_string = False
