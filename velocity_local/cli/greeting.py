"""What a person pastes first: the base URL, and one line each for curl and the openai client."""

import os

import msgspec

_GREETING = "Hello!"


def greeting(base_url: str, model: str, *, windows: bool = os.name == "nt") -> list[str]:
    """Lines to print; `base_url` has no trailing slash and no /v1."""
    api = f"{base_url}/v1"
    return [
        f"Base URL: {api}",
        "",
        "curl:",
        f"  {_curl(api, model, windows=windows)}",
        "",
        "openai client (pip install openai):",
        f"  {_python(api, model, windows=windows)}",
    ]


def _curl(api: str, model: str, *, windows: bool) -> str:
    body = {"model": model, "messages": [{"role": "user", "content": _GREETING}]}
    text = msgspec.json.encode(body).decode()
    quoted = '"' + text.replace('"', '\\"') + '"' if windows else f"'{text}'"
    header = '"Content-Type: application/json"'
    return f"curl {api}/chat/completions -H {header} -d {quoted}"


def _python(api: str, model: str, *, windows: bool) -> str:
    code = (
        "from openai import OpenAI; "
        f"print(OpenAI(base_url='{api}', api_key='none').chat.completions.create("
        f"model='{model}', messages=[dict(role='user', content='{_GREETING}')])"
        ".choices[0].message.content)"
    )
    # A shell of POSIX would expand "!" and "$" in double quotes; cmd knows no single ones.
    inner = code if windows else code.replace("'", '"')
    outer = '"' if windows else "'"
    return f"python -c {outer}{inner}{outer}"
