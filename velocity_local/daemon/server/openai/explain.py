"""Why a prompt was computed although one like it was there: where the two part."""

import msgspec
from litestar import post

from velocity_local.core.errors import InvalidRequest
from velocity_local.core.kv import KvMatch
from velocity_local.core.requests import KvRequest, Prompt, TextPrompt
from velocity_local.daemon.server.context import AnyRequest, context_of, read
from velocity_local.daemon.server.openai import translate
from velocity_local.daemon.server.sse import until_gone
from velocity_local.wire.http.kv import ExplainAsk, Explanation, PromptAsk
from velocity_local.wire.http.openai import ApplyTemplateBody

_EXPLAIN = msgspec.json.Decoder(ExplainAsk)


@post(
    "/api/v1/cache/explain",
    summary="Where a prompt parts from what is kept, or from another prompt",
    description="`messages` or `prompt`, as a request would send them; nothing is generated.",
    tags=["Cache"],
    status_code=200,
    opt={"body": ExplainAsk},
)
async def explain(request: AnyRequest) -> Explanation:
    context = context_of(request)
    ask = await read(request, _EXPLAIN)

    def prompt_of(asked: PromptAsk, param: str) -> Prompt:
        if (asked.messages is None) == (asked.prompt is None):
            raise InvalidRequest(f"{param} has messages or a prompt, one of them", param=param)
        if asked.prompt is not None:
            return TextPrompt(asked.prompt)
        body = ApplyTemplateBody(
            messages=asked.messages or [],
            tools=asked.tools,
            chat_template_kwargs=asked.chat_template_kwargs,
            reasoning_effort=asked.reasoning_effort,
        )
        return translate.template(body, context.limits)

    asked = KvRequest(
        context.ids.new("kv-"),
        ask.model,
        prompt_of(ask, "messages"),
        None if ask.other is None else prompt_of(ask.other, "other"),
    )
    state = await until_gone(request.receive, context.gateway.kv(asked))
    assert state.match is not None, "a prompt was asked about"
    return Explanation(state.match, _reason(state.match, is_compared=ask.other is not None))


def _reason(match: KvMatch, *, is_compared: bool) -> str:
    if is_compared:
        return f"the prompts share {match.n_shared} tokens and then part"
    if match.n_reusable >= match.n_prompt - 1:
        return "nothing of it would be computed but its last token"
    if match.tier is None or not match.n_shared:
        return "no prompt that begins like it is kept"
    if match.n_shared >= match.n_prompt:
        return f"it is kept whole ({match.tier}), but only {match.n_reusable} tokens can be used"
    return (
        f"it parts from the nearest one kept ({match.tier}) after {match.n_shared} tokens; "
        f"{match.n_reusable} of them need not be computed"
    )
