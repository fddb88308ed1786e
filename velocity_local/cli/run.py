"""The verb run: one prompt, one answer."""

import sys

from velocity_local.cli import answer, chat
from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.client.chat import ChatRequest, Turn


def run(call: Call) -> int:
    """Answer the prompt from the arguments, piped input, or both."""
    piped = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read()
    prompt = join_prompt(call.args.prompt, piped)
    if prompt is None:
        if call.args.json or sys.stdin is None or not sys.stdin.isatty():
            raise CliError(
                "there is no prompt", code=Exit.USAGE, next_step='velocity-local run MODEL "Hello"'
            )
        return chat.chat(call)
    client = call.connect()
    request = request_for(call, call.args.model, (Turn("user", prompt),))
    if call.args.json:
        _print_json(call, answer.collect(client, request))
        return Exit.OK
    given = answer.show(client, request, call.out)
    if call.args.verbose:
        call.out.note(answer.summary(given))
    return Exit.OK


def join_prompt(argument: str | None, piped: str) -> str | None:
    """Instruction first, then the piped text it is about; None if there is neither."""
    parts = [part for part in (argument, piped.rstrip("\n")) if part]
    return "\n\n".join(parts) or None


def request_for(call: Call, model: str, turns: tuple[Turn, ...]) -> ChatRequest:
    """A request with what the flags say."""
    args = call.args
    system = (Turn("system", args.system),) if args.system else ()
    return ChatRequest(
        model=model,
        messages=system + turns,
        temperature=args.temperature,
        top_p=args.top_p,
        max_tokens=args.max_tokens,
        seed=args.seed,
    )


def _print_json(call: Call, given: answer.Answer) -> None:
    end = given.end
    assert end is not None
    call.out.json(
        "run/1",
        id=end.id,
        model=end.model,
        text=given.text,
        reasoning=given.reasoning,
        finish_reason=end.finish_reason,
        usage=end.usage,
        timings=given.timings,
    )
