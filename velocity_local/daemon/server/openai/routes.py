"""OpenAI's endpoints, and the three that llama.cpp's server adds for tokens and templates."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from functools import partial

import msgspec
from litestar import get, post
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from msgspec.structs import replace

from velocity_local.core.errors import InvalidRequest, VelocityError
from velocity_local.core.requests import DetokenizeRequest, RenderRequest, TokenizeRequest
from velocity_local.daemon.gateway.measure import Origin
from velocity_local.daemon.server import queueing
from velocity_local.daemon.server.context import (
    AnyRequest,
    Context,
    context_of,
    origin_of,
    read,
    request_id_of,
)
from velocity_local.daemon.server.errors import openai_body
from velocity_local.daemon.server.openai import generate, translate, vectors
from velocity_local.daemon.server.openai.explain import explain
from velocity_local.daemon.server.openai.models import ModelPages
from velocity_local.daemon.server.sse import EventStream, event_bytes, until_gone
from velocity_local.wire.http import openai
from velocity_local.wire.http import openai_answers as answers
from velocity_local.wire.ipc.messages import Tokenized

DIALECT = "openai"

_CHAT = msgspec.json.Decoder(openai.ChatCompletionRequest)
_COMPLETION = msgspec.json.Decoder(openai.CompletionRequest)
_EMBEDDINGS = msgspec.json.Decoder(openai.EmbeddingsRequest)
_TOKENIZE = msgspec.json.Decoder(openai.TokenizeBody)
_DETOKENIZE = msgspec.json.Decoder(openai.DetokenizeBody)
_TEMPLATE = msgspec.json.Decoder(openai.ApplyTemplateBody)


@post(
    "/v1/chat/completions",
    summary="Answer a conversation",
    tags=["OpenAI"],
    opt={
        "body": openai.ChatCompletionRequest,
        "answer": answers.ChatCompletion,
        "headers": queueing.TAKEN,
    },
)
async def chat_completions(request: AnyRequest) -> ASGIResponse:
    context = context_of(request)
    request_id = context.ids.new("chatcmpl-")
    with _refusals_kept(context, request, request_id):
        body = await read(request, _CHAT)
        origin = origin_of(request, DIALECT, is_stream=bool(body.stream))
        terms = queueing.terms_of(request)
        keep_alive_s = queueing.keep_alive_of(request)
        translated = translate.chat(body, request_id, _terms(context, body.model))
        asked = replace(translated, queue=terms, keep_alive_s=keep_alive_s)
    if not body.stream:
        work = generate.chat_answer(context, body, asked, origin)
        return _json(await until_gone(request.receive, work), origin)
    return _event_stream(request, generate.chat_stream(context, body, asked, origin), origin)


@post(
    "/v1/completions",
    summary="Continue one or several texts",
    tags=["OpenAI"],
    opt={
        "body": openai.CompletionRequest,
        "answer": answers.Completion,
        "headers": queueing.TAKEN,
    },
)
async def completions(request: AnyRequest) -> ASGIResponse:
    context = context_of(request)
    request_id = context.ids.new("cmpl-")
    with _refusals_kept(context, request, request_id):
        body = await read(request, _COMPLETION)
        origin = origin_of(request, DIALECT, is_stream=bool(body.stream))
        terms = queueing.terms_of(request)
        requests = translate.completions(body, request_id, _terms(context, body.model))
        keep_alive_s = queueing.keep_alive_of(request)
        asked = tuple(replace(one, queue=terms, keep_alive_s=keep_alive_s) for one in requests)
    if not body.stream:
        work = generate.text_answer(context, body, asked, origin)
        return _json(await until_gone(request.receive, work), origin)
    return _event_stream(request, generate.text_stream(context, body, asked, origin), origin)


@post(
    "/v1/embeddings",
    summary="Turn texts into vectors",
    tags=["OpenAI"],
    opt={
        "body": openai.EmbeddingsRequest,
        "answer": answers.Embeddings,
        "headers": queueing.TAKEN,
    },
)
async def embeddings(request: AnyRequest) -> ASGIResponse:
    context = context_of(request)
    request_id = context.ids.new("embd-")
    with _refusals_kept(context, request, request_id):
        body = await read(request, _EMBEDDINGS)
        origin = origin_of(request, DIALECT, is_stream=False)
        terms = queueing.terms_of(request)
        asked = replace(translate.embeddings(body, request_id), queue=terms)
    embedded = await until_gone(request.receive, context.gateway.embed(asked, origin))
    model = (await context.gateway.model(body.model)).id
    is_base64 = body.encoding_format == "base64"
    return _json_of(vectors.render(embedded, model, is_base64=is_base64))


@get(
    "/v1/models",
    summary="Models on this machine",
    tags=["OpenAI"],
    opt={"answer": answers.ModelList},
)
async def list_models(request: AnyRequest) -> ASGIResponse:
    return _json(_pages(request).all(await context_of(request).gateway.models()))


@get(
    "/v1/models/{model_id:path}",
    summary="One model",
    tags=["OpenAI"],
    opt={"answer": answers.Model},
)
async def one_model(request: AnyRequest, model_id: FromPath[str]) -> ASGIResponse:
    entry = await context_of(request).gateway.model(model_id.removeprefix("/"))
    return _json(_pages(request).one(entry))


@post(
    "/tokenize",
    summary="Text to token ids",
    tags=["llama.cpp"],
    opt={"body": openai.TokenizeBody, "answer": answers.Tokens},
)
async def tokenize(request: AnyRequest) -> ASGIResponse:
    context = context_of(request)
    body = await read(request, _TOKENIZE)
    asked = TokenizeRequest(
        id=context.ids.new("tok-"),
        model=await _model_or_only(context, body.model),
        text=body.content,
        add_special=body.add_special,
        parse_special=body.parse_special,
    )
    tokenized = await until_gone(request.receive, context.gateway.tokenize(asked))
    return _json_of(_tokens(tokenized, with_pieces=body.with_pieces))


@post(
    "/detokenize",
    summary="Token ids to text",
    tags=["llama.cpp"],
    opt={"body": openai.DetokenizeBody, "answer": answers.DetokenizedText},
)
async def detokenize(request: AnyRequest) -> ASGIResponse:
    context = context_of(request)
    body = await read(request, _DETOKENIZE)
    asked = DetokenizeRequest(
        id=context.ids.new("tok-"),
        model=await _model_or_only(context, body.model),
        tokens=translate.token_ids("tokens", body.tokens),
    )
    text = await until_gone(request.receive, context.gateway.detokenize(asked))
    return _json_of(answers.DetokenizedText(text))


@post(
    "/apply-template",
    summary="Render a conversation, generate nothing",
    tags=["llama.cpp"],
    opt={"body": openai.ApplyTemplateBody, "answer": answers.RenderedPrompt},
)
async def apply_template(request: AnyRequest) -> ASGIResponse:
    context = context_of(request)
    body = await read(request, _TEMPLATE)
    asked = RenderRequest(
        id=context.ids.new("tpl-"),
        model=await _model_or_only(context, body.model),
        prompt=translate.template(body, context.limits),
    )
    prompt = await until_gone(request.receive, context.gateway.render(asked))
    return _json_of(answers.RenderedPrompt(prompt))


ROUTES = [
    chat_completions,
    completions,
    embeddings,
    list_models,
    one_model,
    tokenize,
    detokenize,
    apply_template,
    explain,
]


@contextmanager
def _refusals_kept(context: Context, request: AnyRequest, request_id: str) -> Iterator[None]:
    """A request that is refused before the gateway sees it leaves a row all the same."""
    try:
        yield
    except VelocityError as error:
        origin = origin_of(request, DIALECT, is_stream=False)
        context.gateway.refuse(request_id, origin, error.info())
        raise


def _terms(context: Context, model: str) -> translate.Terms:
    return translate.Terms(context.sampling_of(model), context.limits)


def _pages(request: AnyRequest) -> ModelPages:
    pages = request.app.state["model_pages"]
    assert isinstance(pages, ModelPages)
    return pages


async def _model_or_only(context: Context, name: str | None) -> str:
    """The model asked for; without a name, the only one there is."""
    if name is not None:
        return name
    entries = await context.gateway.models()
    if len(entries) == 1:
        return entries[0].id
    names = ", ".join(entry.id for entry in entries[:8])
    raise InvalidRequest(f"say which model: {names or 'there is none'}", param="model")


def _tokens(tokenized: Tokenized, *, with_pieces: bool) -> answers.Tokens:
    if not with_pieces:
        return answers.Tokens(list(tokenized.tokens))
    pairs = zip(tokenized.tokens, tokenized.pieces, strict=True)
    return answers.Tokens([answers.TokenPiece(token, _piece(piece)) for token, piece in pairs])


def _piece(piece: bytes) -> str | list[int]:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return list(piece)


def _event_stream(
    request: AnyRequest, chunks: AsyncGenerator[bytes, None], origin: Origin
) -> EventStream:
    return EventStream(
        chunks,
        render_error=_error_event,
        request_id=request_id_of(request),
        headers=partial(queueing.headers_for, origin.places),
        heartbeat_s=context_of(request).limits.heartbeat_s,
        comment=partial(queueing.comment_for, origin.places),
    )


def _error_event(error: VelocityError) -> bytes:
    return event_bytes(openai_body(error))


def _json(body: bytes, origin: Origin | None = None) -> ASGIResponse:
    """An answer; with its origin, it tells for how long its requests waited."""
    headers = {} if origin is None else queueing.headers_for(origin.places)
    return ASGIResponse(body=body, media_type="application/json", headers=headers)


def _json_of(answer: msgspec.Struct) -> ASGIResponse:
    return _json(msgspec.json.encode(answer))
