"""tool_choice and parallel_tool_calls as a core value."""

from collections.abc import Sequence

from velocity_local.core.errors import InvalidRequest, UnsupportedField
from velocity_local.core.formats import ToolUse
from velocity_local.core.messages import Tool
from velocity_local.wire.http.openai import ChatCompletionRequest
from velocity_local.wire.http.openai_messages import AllowedChoice, NamedChoice, NamedCustomChoice

_PARAM = "tool_choice"


def tool_use(body: ChatCompletionRequest, tools: Sequence[Tool]) -> ToolUse:
    """How the tools offered may be used; `none` offers none.

    Raises:
        InvalidRequest: if a tool is named that is not offered.
        UnsupportedField: for custom tools.
    """
    is_parallel = body.parallel_tool_calls is not False
    match body.tool_choice:
        case NamedChoice(function):
            name = _offered(function.name, tools, f"{_PARAM}.function.name")
            return ToolUse(is_required=True, only=(name,), is_parallel=False)
        case NamedCustomChoice():
            raise UnsupportedField("custom tools are not supported; use functions", param=_PARAM)
        case AllowedChoice(allowed):
            only = _allowed(allowed.tools, tools)
            is_required = allowed.mode == "required"
            return ToolUse(is_required=is_required, only=only, is_parallel=is_parallel)
        case choice:
            return ToolUse(is_required=choice == "required", is_parallel=is_parallel)


def _allowed(sent: Sequence[dict[str, object]], tools: Sequence[Tool]) -> tuple[str, ...]:
    param = f"{_PARAM}.allowed_tools.tools"
    names = []
    for i, tool in enumerate(sent):
        function = tool.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        if tool.get("type") != "function" or not isinstance(name, str):
            raise InvalidRequest(
                f'{param}[{i}] must be {{"type": "function", "function": {{"name": ...}}}}',
                param=f"{param}[{i}]",
            )
        names.append(_offered(name, tools, f"{param}[{i}]"))
    if not names:
        raise InvalidRequest(f"{param} is empty; tool_choice none allows none", param=param)
    return tuple(names)


def _offered(name: str, tools: Sequence[Tool], param: str) -> str:
    if all(tool.name != name for tool in tools):
        raise InvalidRequest(f"{name[:80]!r} is none of the tools offered", param=param)
    return name
