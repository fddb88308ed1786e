"""Conversations over HTTP: list, search, begin, read, add turns, change, export, delete."""

from typing import Annotated

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromPath, QueryParameter
from litestar.response.base import ASGIResponse

from velocity_local.core.conversations import Attachment, Conversation, Turn, markdown
from velocity_local.daemon.server.admin.ports import services_of
from velocity_local.daemon.server.admin.query import known_parameters
from velocity_local.daemon.server.context import AnyRequest, read
from velocity_local.daemon.store.conversations import MAX_PAGE
from velocity_local.wire.http.admin import Deleted
from velocity_local.wire.http.conversations import (
    ConversationAnswer,
    ConversationAsk,
    ConversationChange,
    ConversationList,
    TurnAsk,
)

_TAGS = ["Conversations"]
_ask = msgspec.json.Decoder(ConversationAsk)
_change = msgspec.json.Decoder(ConversationChange)
_turn = msgspec.json.Decoder(TurnAsk)


@get("/api/v1/conversations", summary="List and search", tags=_TAGS, guards=[known_parameters])
async def list_conversations(
    request: AnyRequest,
    *,
    text: Annotated[
        str | None, QueryParameter(max_length=200, description="In the title or in a turn")
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE)] = 50,
    after: Annotated[str | None, QueryParameter(description="`next` of the page before")] = None,
) -> ConversationList:
    page = await services_of(request).archive.page(text, limit=limit, after=after)
    return ConversationList(page.items, page.next)


@post(
    "/api/v1/conversations",
    summary="Begin one",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
    opt={"body": ConversationAsk},
)
async def begin_conversation(request: AnyRequest) -> ConversationAnswer:
    ask = await read(request, _ask)
    return _whole(
        await services_of(request).archive.begin(
            ask.id, title=ask.title, model=ask.model, parameters=ask.parameters
        )
    )


@get(
    "/api/v1/conversations/{conversation_id:str}",
    summary="One, with all its turns",
    tags=_TAGS,
    guards=[known_parameters],
)
async def get_conversation(
    request: AnyRequest, conversation_id: FromPath[str]
) -> ConversationAnswer:
    return _whole(await services_of(request).archive.get(conversation_id))


@patch(
    "/api/v1/conversations/{conversation_id:str}",
    summary="Change title, model, parameters or head",
    tags=_TAGS,
    guards=[known_parameters],
    opt={"body": ConversationChange},
)
async def change_conversation(
    request: AnyRequest, conversation_id: FromPath[str]
) -> ConversationAnswer:
    change = await read(request, _change)
    return _whole(
        await services_of(request).archive.change(
            conversation_id,
            title=change.title,
            model=change.model,
            parameters=change.parameters,
            head=change.head,
        )
    )


@post(
    "/api/v1/conversations/{conversation_id:str}/turns",
    summary="Add a turn",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
    opt={"body": TurnAsk},
)
async def add_turn(request: AnyRequest, conversation_id: FromPath[str]) -> Turn:
    ask = await read(request, _turn)
    turn = Turn(
        id=ask.id or "",
        parent=ask.parent,
        role=ask.role,
        text=ask.text,
        reasoning=ask.reasoning,
        model=ask.model,
        note=ask.note,
        request_id=ask.request_id,
        attachments=tuple(Attachment(file.name, file.text) for file in ask.attachments),
    )
    return await services_of(request).archive.add(conversation_id, turn)


@get(
    "/api/v1/conversations/{conversation_id:str}/export",
    summary="As a page of Markdown, from the beginning to its head",
    tags=_TAGS,
    guards=[known_parameters],
)
async def export_conversation(request: AnyRequest, conversation_id: FromPath[str]) -> ASGIResponse:
    page = markdown(await services_of(request).archive.get(conversation_id))
    return ASGIResponse(
        body=page.encode(),
        media_type="text/markdown",
        headers={"content-disposition": "attachment", "x-content-type-options": "nosniff"},
    )


@delete(
    "/api/v1/conversations/{conversation_id:str}",
    summary="Forget one",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
)
async def delete_conversation(request: AnyRequest, conversation_id: FromPath[str]) -> Deleted:
    await services_of(request).archive.delete(conversation_id)
    return Deleted(1)


def _whole(conversation: Conversation) -> ConversationAnswer:
    return ConversationAnswer(**msgspec.structs.asdict(conversation))


ROUTES = [
    list_conversations,
    begin_conversation,
    get_conversation,
    change_conversation,
    add_turn,
    export_conversation,
    delete_conversation,
]
