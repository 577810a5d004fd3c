"""The HTTP interface: request in, response out. Pure: time comes in as milliseconds.

Clients are strict here: ably-js takes only the exact Content-Type without a charset, and only links of the form
`<./word?query>; rel="name"` with no comma in the query.

Source: ably/specification 6.1 (RSC, RSL, TG), ably-js 2.28 paginatedresource.ts, ably-python 3.1.4 paginatedresult.py.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_plus, urlencode

from .auth import Identity, identify
from .channels import parse_name
from .hub import Hub, public
from .presence import PresenceQuery
from .store import Channel, HistoryQuery
from .wire import AblyError, Format, Wire, as_wire, decode, encode, message_out, messages_in, text

_MAX_LIMIT = 1000
_MSGPACK = "application/x-msgpack"
_ASKED_WITH = "authorization, content-type, accept, x-ably-version, ably-agent, x-ably-clientid, x-ably-lib"
_PRIVATE = frozenset({"rnd", "envelope"})
"""Query parameters that do not belong in a link, besides secrets."""


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request.

    Args:
        path: as on the wire, still percent-encoded.
        headers: names in lower case.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response."""

    status: int
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Answer:
    """A response before it is encoded."""

    value: object
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def respond(hub: Hub, request: Request, now: int) -> Response:
    """Answer a request; errors are answers too."""
    if request.method == "OPTIONS":  # A browser asks before it sends credentials, and does so without any.
        return Response(204, b"", {})
    try:
        return _encoded(_route(hub, request, now), request)
    except AblyError as error:
        return refusal(request, error)


def refusal(request: Request, error: AblyError) -> Response:
    """Write an error as an answer."""
    headers = {"X-Ably-Errorcode": str(error.code), "X-Ably-Errormessage": error.message}
    return _encoded(_Answer({"error": error.to_wire()}, error.status, headers), request)


def _encoded(answer: _Answer, request: Request) -> Response:
    wire_format = _accepted(request)
    content_type = _MSGPACK if wire_format == "msgpack" else "application/json"
    return Response(answer.status, encode(answer.value, wire_format), {"Content-Type": content_type, **answer.headers})


def cross_origin(request: Request) -> dict[str, str]:
    """Give the headers without which a browser hides an answer from a page of another origin.

    Browsers send credentials along, so the origin must be named: "*" is not enough.

    Source: Fetch standard, "CORS protocol"; ably-js 2.28 fetchrequest.ts and paginatedresource.ts.
    """
    origin = request.headers.get("origin")
    if origin is None:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
        "Access-Control-Allow-Headers": request.headers.get("access-control-request-headers", _ASKED_WITH),
        "Access-Control-Expose-Headers": "Link, X-Ably-Errorcode, X-Ably-Errormessage, Content-Length, Date",
        "Vary": "Origin",
    }


def authenticate(hub: Hub, request: Request, now: int) -> Identity:
    """Check the credentials of a request, from the Authorization header or the query.

    Raises:
        AblyError: as `identify`.
    """
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    key, token = request.query.get("key"), request.query.get("access_token") or request.query.get("accessToken")
    if scheme.lower() == "basic":
        key = _unbase64(value)
    elif scheme.lower() == "bearer":
        token = value if "." in value else _unbase64(value)
    return identify(hub.key, given_key=key, token=token, now=now)


def about(hub: Hub, request: Request, now: int) -> Wire:
    """Give what is known of who asks: the parameters of the URL without secrets, and `clientId`."""
    params = public(request.query)
    try:
        client_id = authenticate(hub, request, now).claiming(_claimed_client_id(request)).client_id
    except AblyError:
        return params
    return {**params, "clientId": client_id}


def _route(hub: Hub, request: Request, now: int) -> _Answer:
    parts = [unquote_plus(part) for part in request.path.strip("/").split("/")]
    match request.method, *parts:
        case "GET", "time":
            return _Answer([now])
        case "POST", "keys", key_name, "requestToken":
            return _request_token(hub, key_name, request, now)
        case method, "channels", name, "messages" | "history" as word, *rest:
            return _route_messages(hub, name, request, now, (method, word, *rest))
        case "GET", "channels", name:
            return _status(hub, name, request, now)
        case "GET", "channels", name, "presence":
            return _members(hub, name, request, now)
        case "GET", "channels", name, "presence", "history":
            return _presence_history(hub, name, request, now)
        case _:
            raise _unknown()


def _route_messages(hub: Hub, name: str, request: Request, now: int, parts: tuple[str, ...]) -> _Answer:
    wire_format = _accepted(request)
    match parts:
        case "POST", "messages":
            return _publish(hub, name, request, now)
        case "GET", word:
            return _history(_readable(hub, name, request, now), word, request, wire_format)
        case "GET", "messages", serial:
            found = _readable(hub, name, request, now).find(serial)
            return _Answer(message_out(found.full(), wire_format))
        case "GET", "messages", serial, "versions":
            versions = [op.full() for op in _readable(hub, name, request, now).versions(serial)]
            return _Answer(_rows(versions, wire_format), headers=_links("versions", request, None))
        case "PATCH", "messages", serial:
            return _change(hub, name, serial, request, now)
        case _:
            raise _unknown()


def _unknown() -> AblyError:
    return AblyError(40400, 404, "unable to find the resource; this local server has no such path")


def _readable(hub: Hub, name: str, request: Request, now: int) -> Channel:
    bare, _ = parse_name(name)
    authenticate(hub, request, now).require(bare, "history")
    return hub.channel(bare, now)


def _publish(hub: Hub, name: str, request: Request, now: int) -> _Answer:
    identity = authenticate(hub, request, now).claiming(_claimed_client_id(request))
    bare, _ = parse_name(name)
    messages = messages_in(_body(request))
    for message in messages:
        message.pop("connectionKey", None)
    serials = hub.publish(bare, messages, identity, None, now)
    first = hub.channel(bare, now).messages.get(serials[0]) if serials else None
    message_id = str(first.fields["id"]).rpartition(":")[0] if first else ""
    return _Answer({"channel": bare, "messageId": message_id, "serials": serials}, 201)


def _change(hub: Hub, name: str, serial: str, request: Request, now: int) -> _Answer:
    identity = authenticate(hub, request, now).claiming(_claimed_client_id(request))
    bare, _ = parse_name(name)
    message = messages_in(as_wire(_body(request)) | {"serial": serial})[0]
    if not message.get("action"):
        raise AblyError(40003, 400, "unable to change the message; its action must be update, delete or append")
    return _Answer({"versionSerial": hub.publish(bare, [message], identity, None, now)[0]})


def _history(channel: Channel, word: str, request: Request, wire_format: Format) -> _Answer:
    query = request.query
    page, more = channel.history(
        HistoryQuery(
            start=_whole(query, "start", 0) or 0,
            end=_whole(query, "end", None),
            forwards=query.get("direction") == "forwards",
            limit=_limit(query),
            upto=query.get("from_serial") or query.get("fromSerial"),
            after=query.get("cursor"),
        )
    )
    links = _links(word, request, page[-1].serial if more else None)
    return _Answer(_rows([operation.full() for operation in page], wire_format), headers=links)


def _status(hub: Hub, name: str, request: Request, now: int) -> _Answer:
    bare, _ = parse_name(name)
    authenticate(hub, request, now).require(bare, "channel-metadata")
    metrics = hub.occupancy(bare)
    status: Wire = {"isActive": any(metrics.values()), "occupancy": {"metrics": metrics}}
    return _Answer({"channelId": bare, "name": bare, "status": status})


def _members(hub: Hub, name: str, request: Request, now: int) -> _Answer:
    bare, _ = parse_name(name)
    authenticate(hub, request, now).require(bare, "presence", "subscribe")
    query = request.query
    members = hub.presence(bare).members(query.get("clientId"), query.get("connectionId"))
    start, limit = _whole(query, "cursor", 0) or 0, _limit(query)
    links = _links("presence", request, str(start + limit) if len(members) > start + limit else None)
    return _Answer(_rows(members[start : start + limit], _accepted(request)), headers=links)


def _presence_history(hub: Hub, name: str, request: Request, now: int) -> _Answer:
    bare, _ = parse_name(name)
    authenticate(hub, request, now).require(bare, "history")
    query = request.query
    page, more = hub.presence(bare).history(
        PresenceQuery(
            start=_whole(query, "start", 0) or 0,
            end=_whole(query, "end", None),
            forwards=query.get("direction") == "forwards",
            limit=_limit(query),
            after=_whole(query, "cursor", None),
        )
    )
    links = _links("history", request, str(page[-1][0]) if more else None)
    return _Answer(_rows([event for _, event in page], _accepted(request)), headers=links)


def _request_token(hub: Hub, key_name: str, request: Request, now: int) -> _Answer:
    body = as_wire(_body(request))
    trusted = "mac" not in body and authenticate(hub, request, now).expires is None
    return _Answer(hub.tokens.issue(key_name, body, now, trusted=trusted), 201)


def _links(word: str, request: Request, cursor: str | None) -> Mapping[str, str]:
    """Write the Link header of a page; the cursor tells where the next page begins."""
    here = {name: str(value) for name, value in public(request.query).items() if name not in _PRIVATE}
    first = {name: value for name, value in here.items() if name != "cursor"}
    targets = [("first", first), ("current", here)]
    if cursor is not None:
        targets.append(("next", {**first, "cursor": cursor}))
    return {"Link": ", ".join(f'<./{word}?{_write_query(query)}>; rel="{rel}"' for rel, query in targets)}


def _write_query(query: Mapping[str, str]) -> str:
    """Write a query, which ably-js wants even where there is nothing to say."""
    return urlencode(query or {"limit": "100"}, quote_via=quote, safe="")


def _rows(messages: Sequence[Wire], wire_format: Format) -> list[Wire]:
    return [message_out(message, wire_format) for message in messages]


def _limit(query: Mapping[str, str]) -> int:
    return min(_whole(query, "limit", 100) or 100, _MAX_LIMIT)


def _whole(query: Mapping[str, str], name: str, default: int | None) -> int | None:
    value = query.get(name)
    if value is None:
        return default
    if not value.isdecimal():
        raise AblyError(40003, 400, f"unable to read the request; {name} must be a whole number")
    return int(value)


def _accepted(request: Request) -> Format:
    accept = request.headers.get("accept", "")
    asked = _MSGPACK in accept or ("application/json" not in accept and request.query.get("format") == "msgpack")
    return "msgpack" if asked else "json"


def _body(request: Request) -> object:
    return decode(request.body, "msgpack" if _MSGPACK in request.headers.get("content-type", "") else "json")


def _claimed_client_id(request: Request) -> str | None:
    header = request.headers.get("x-ably-clientid")
    return _unbase64(header) if header else text(dict(request.query), "clientId")


def _unbase64(value: str) -> str:
    try:
        return base64.b64decode(value).decode()
    except ValueError as error:
        raise AblyError(40101, 401, "unable to authenticate; the credentials are not valid base64") from error
