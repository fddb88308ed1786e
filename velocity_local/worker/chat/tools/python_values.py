"""A value as Python prints it, turned into JSON: some templates show models such values."""

from velocity_local.worker.chat.tools.call_parser import Steps
from velocity_local.worker.chat.tools.python_calls import PythonCallParser


class _ValueParser(PythonCallParser):
    """Reads a text that is one value, as if it were the arguments of a call."""

    def read(self) -> Steps[None]:
        self.open_call("value")
        yield from self.value()


def from_python(text: str) -> str:
    """The JSON of a list or a dict; any other text as it is."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    parser = _ValueParser(lambda _: "")
    parts = (parser.feed(text), parser.finish())
    if any(part.text.strip() for part in parts):
        return text
    return "".join(call.arguments for part in parts for call in part.calls)
