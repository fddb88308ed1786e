import json
import shlex

from velocity_local.cli.greeting import greeting

LINES = greeting("http://127.0.0.1:8621", "demo", windows=False)


def line_with(word: str, lines: list[str]) -> str:
    return next(line.strip() for line in lines if line.strip().startswith(word))


def test_the_base_url_is_the_one_clients_ask_for() -> None:
    assert LINES[0] == "Base URL: http://127.0.0.1:8621/v1"


def test_the_curl_line_survives_a_shell() -> None:
    command = shlex.split(line_with("curl h", LINES))
    assert command[1] == "http://127.0.0.1:8621/v1/chat/completions"
    assert json.loads(command[-1])["model"] == "demo"


def test_the_python_line_survives_a_shell_and_is_python() -> None:
    program, flag, code = shlex.split(line_with("python", LINES))
    assert (program, flag) == ("python", "-c")
    compile(code, "line", "exec")
    assert 'base_url="http://127.0.0.1:8621/v1"' in code


def test_windows_gets_double_quotes_outside() -> None:
    lines = greeting("http://127.0.0.1:8621", "demo", windows=True)
    body = line_with("curl h", lines).partition(" -d ")[2]
    assert json.loads(body[1:-1].replace('\\"', '"'))["model"] == "demo"
    code = line_with("python", lines).partition(" -c ")[2][1:-1]
    assert '"' not in code
    compile(code, "line", "exec")
