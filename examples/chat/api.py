"""The chat's web API: start a turn, give the page its token. All the rest of the chat goes through Ably."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from examples.chat import workflows
from temporal_ably import client_token

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from temporalio.client import Client

    from temporal_ably import AblySettings

MODES = ("answer", "team")
TOKEN_LIFE = timedelta(minutes=30)
_SESSION = re.compile(r"ai:chat-[a-z0-9-]{1,40}")
_EVENT = re.compile(r"[A-Za-z0-9_-]{1,64}")
_USER = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_MAX_BODY_BYTES = 64 * 1024


class BadRequestError(ValueError):
    """What the page asked for is refused; the text says why."""


@dataclass(frozen=True)
class Api:
    """The two things that the page asks of the backend."""

    temporal: Client
    ably: AblySettings

    async def start(self, request: Request) -> Response:
        """Start the workflow that answers. It is answered at once: what the workflow says arrives through Ably.

        A post that is sent again starts nothing: the workflow's id is made of the user's message.
        """
        # A real application checks here that whoever is logged in may speak in this session.
        asked = read_request(await read_json(request))
        chat = asked.sessionName.removeprefix("ai:")
        workflow_id = f"{chat}-{asked.inputEventId}"
        with suppress(WorkflowAlreadyStartedError):
            await self.temporal.start_workflow(
                workflows.Turn.run,
                asked,
                id=workflow_id,
                task_queue=workflows.TASK_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                rpc_timeout=timedelta(seconds=10),
            )
        return JSONResponse({"workflowId": workflow_id}, 202)

    async def token(self, request: Request) -> Response:
        """Give the page a token for one chat, as one user, for a short time."""
        # This example takes anybody at their word. A real application takes the user from its own login, not from the
        # address, and checks that this user may enter this chat.
        session = read(_SESSION, f"ai:chat-{request.query_params.get('chat', '')}", "chat")
        user = read_user(request)
        return PlainTextResponse(
            client_token(session, client_id=user, ttl=TOKEN_LIFE, settings=self.ably),
            headers={"Cache-Control": "no-store"},
        )

    @property
    def routes(self) -> list[Route]:
        """What a Starlette application is made of."""
        return [
            Route("/api/chat", self.start, methods=["POST"]),
            Route("/api/token", self.token, methods=["GET"]),
        ]


async def read_json(request: Request) -> dict[str, object]:
    """Read a JSON object from a request's body.

    Raises:
        BadRequestError: if it is none, or not declared to be one. (A browser lets pages of other sites send forms, but
            no JSON.)
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise BadRequestError("unable to read the request; it is not application/json; set the Content-Type")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise BadRequestError("unable to read the request; it is too large; send what the page sends")
    try:
        value: object = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise BadRequestError("unable to read the request; it is no JSON object; send one")
    return cast("dict[str, object]", value)


def read_request(body: dict[str, object]) -> workflows.Request:
    """Check what a page posted; what else is in the body is left out.

    Raises:
        BadRequestError: naming the field.
    """
    mode = body.get("mode", MODES[0])
    if mode not in MODES:
        raise BadRequestError(f"unable to use mode; it is unknown; send one of {', '.join(MODES)}")
    return workflows.Request(
        inputEventId=read(_EVENT, body.get("inputEventId"), "inputEventId"),
        sessionName=read(_SESSION, body.get("sessionName"), "sessionName"),
        mode=str(mode),
    )


def read_user(request: Request) -> str:
    """Read who asks.

    Raises:
        BadRequestError: if that can be nobody's name.
    """
    return read(_USER, request.query_params.get("user"), "user")


def read(pattern: re.Pattern[str], value: object, name: str) -> str:
    """Check a text against its pattern.

    Raises:
        BadRequestError: naming it.
    """
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise BadRequestError(f"unable to use {name}; it is not of the form {pattern.pattern}; correct it")
    return value
