from __future__ import annotations

import base64
import re
from typing import cast
from urllib.parse import parse_qsl

import pytest

from temporal_ably.server.auth import create_jwt
from temporal_ably.server.rest import Request, Response, about, cross_origin, respond
from temporal_ably.server.tokens import sign
from temporal_ably.server.wire import Format, Wire, as_wire, decode, encode
from tests.server.bench import KEY, START, Bench, serial_of, shown

BASIC = {"authorization": "Basic " + base64.b64encode(str(KEY).encode()).decode()}
MSGPACK = "application/x-msgpack"


def ask(
    bench: Bench,
    path: str,
    method: str = "GET",
    *,
    body: object = None,
    headers: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    **more: str,
) -> Response:
    payload = b"" if body is None else encode(body, "json")
    return respond(
        bench.hub,
        Request(method, path, {**(query or {}), **more}, BASIC if headers is None else headers, payload),
        bench.now,
    )


def rows(response: Response) -> list[Wire]:
    return cast("list[Wire]", decode(response.body, "json"))


def data(response: Response) -> list[object]:
    return data_of_rows(rows(response))


def data_of_rows(found: list[Wire]) -> list[object]:
    return [row.get("data") for row in found]


def bearer(*operations: str) -> dict[str, str]:
    token = create_jwt(KEY, START, 3_600_000, None, {"*": list(operations)})
    return {"authorization": f"Bearer {token}"}


def error(response: Response) -> tuple[int, str, object]:
    shown_error = as_wire(as_wire(decode(response.body, "json"))["error"])
    assert response.headers["X-Ably-Errormessage"] == shown_error["message"]
    return response.status, response.headers["X-Ably-Errorcode"], shown_error["code"]


def links(response: Response) -> dict[str, str]:
    """Read the Link header as strictly as ably-js does."""
    found: dict[str, str] = {}
    for link in response.headers["Link"].split(","):
        match = re.fullmatch(r'\s*<\./(\w+\?.*)>; rel="(\w+)"', link)
        assert match, link
        found[match[2]] = match[1]
    return found


def follow(bench: Bench, path: str, link: str) -> Response:
    word, _, query = link.partition("?")
    assert word == path.rpartition("/")[2]
    return ask(bench, path, query=dict(parse_qsl(query)))


def test_time_needs_no_credentials() -> None:
    bench = Bench()
    response = ask(bench, "/time", headers={})
    assert (response.status, response.body) == (200, f"[{START}]".encode())
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("headers", "query", "wire_format"),
    [
        ({"accept": MSGPACK}, {}, "msgpack"),
        ({"accept": f"{MSGPACK},application/json"}, {}, "msgpack"),
        ({"accept": "*/*"}, {"format": "msgpack"}, "msgpack"),
        ({"accept": "application/json"}, {"format": "msgpack"}, "json"),
        ({}, {}, "json"),
    ],
    ids=str,
)
def test_the_answer_has_the_format_that_is_accepted(
    headers: dict[str, str], query: dict[str, str], wire_format: Format
) -> None:
    response = ask(Bench(), "/time", headers=headers, query=query)
    assert decode(response.body, wire_format) == [START]
    assert response.headers["Content-Type"] == (MSGPACK if wire_format == "msgpack" else "application/json")


TOKEN = create_jwt(KEY, START, 3_600_000, "alice", None)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        (BASIC, {}),
        ({"authorization": f"Bearer {TOKEN}"}, {}),
        ({"authorization": "Bearer " + base64.b64encode(TOKEN.encode()).decode()}, {}),
        ({}, {"key": str(KEY)}),
        ({}, {"access_token": TOKEN}),
    ],
    ids=["basic", "bearer", "bearer in base64", "key", "access_token"],
)
def test_credentials_come_in_the_header_or_the_query(headers: dict[str, str], query: dict[str, str]) -> None:
    assert ask(Bench(), "/channels/x/messages", headers=headers, query=query).status == 200


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (401, "40101", 40101)),
        ({"authorization": "Basic \u20ac"}, (401, "40101", 40101)),
        ({"authorization": "Basic /w=="}, (401, "40101", 40101)),
        ({"authorization": "Bearer a.b.c"}, (401, "40144", 40144)),
    ],
    ids=str,
)
def test_wrong_credentials(headers: dict[str, str], expected: object) -> None:
    assert error(ask(Bench(), "/channels/x/messages", headers=headers)) == expected


def test_an_unknown_path_is_404() -> None:
    assert error(ask(Bench(), "/stats")) == (404, "40400", 40400)
    assert error(ask(Bench(), "/channels/x/messages", "DELETE")) == (404, "40400", 40400)


class TestPublish:
    def test_one_message(self) -> None:
        bench = Bench()
        response = ask(bench, "/channels/x/messages", "POST", body={"name": "n", "data": "a"})
        answer = as_wire(decode(response.body, "json"))
        stored = bench.hub.channel("x", bench.now).messages
        assert response.status == 201
        assert (answer["channel"], answer["serials"]) == ("x", list(stored))
        assert f"{answer['messageId']}:0" == next(iter(stored.values())).fields["id"]

    def test_it_reaches_subscribers(self) -> None:
        bench = Bench()
        reader = bench.connect()
        reader.attach("x")
        ask(bench, "/channels/x/messages", "POST", body=[{"data": "a"}, {"data": "b"}])
        assert shown(reader.read()) == [(0, "a"), (0, "b")]

    def test_bytes_in_msgpack(self) -> None:
        bench = Bench()
        headers = {**BASIC, "content-type": MSGPACK}
        body = encode({"data": b"\0", "connectionKey": "k"}, "msgpack")
        respond(bench.hub, Request("POST", "/channels/x/messages", {}, headers, body), bench.now)
        (message,) = rows(ask(bench, "/channels/x/messages"))
        assert (message["data"], message["encoding"]) == ("AA==", "base64")
        assert "connectionKey" not in message

    def test_the_client_id_header_names_the_author(self) -> None:
        bench = Bench()
        headers = {**BASIC, "x-ably-clientid": base64.b64encode(b"bob").decode()}
        ask(bench, "/channels/x/messages", "POST", body={"data": "a"}, headers=headers)
        assert rows(ask(bench, "/channels/x/messages"))[0]["clientId"] == "bob"

    def test_an_id_is_idempotent(self) -> None:
        bench = Bench()
        answers = [ask(bench, "/channels/x/messages", "POST", body={"id": "a:0"}).body for _ in range(2)]
        assert answers[0] == answers[1]
        assert len(bench.hub.channel("x", bench.now).messages) == 1

    @pytest.mark.parametrize(
        ("path", "body", "expected"),
        [
            ("/channels/x/messages", {"data": 1}, (400, "40013", 40013)),
            ("/channels/x/messages", {"data": "x" * 70_000}, (413, "40009", 40009)),
            ("/channels/a%2Cb/messages", {"data": "x"}, (400, "40010", 40010)),
            ("/channels/x/messages", "text", (400, "40000", 40000)),
        ],
        ids=["data", "size", "name", "shape"],
    )
    def test_refusals(self, path: str, body: object, expected: object) -> None:
        assert error(ask(Bench(), path, "POST", body=body)) == expected

    def test_a_body_that_is_not_json(self) -> None:
        request = Request("POST", "/channels/x/messages", {}, BASIC, b"{")
        assert error(respond(Bench().hub, request, START)) == (400, "40000", 40000)


@pytest.mark.parametrize("path", ["ai%3Awf%20a%2Bb", "ai:wf+a%2Bb"])
def test_channel_names_are_decoded_as_both_sdks_encode_them(path: str) -> None:
    bench = Bench()
    bench.connect().publish({"data": "a"}, channel="ai:wf a+b")
    assert data(ask(bench, f"/channels/{path}/messages")) == ["a"]


class TestHistory:
    PATH = "/channels/ai%3Awf/messages"

    def filled(self, *texts: str) -> Bench:
        bench = Bench()
        writer = bench.connect()
        for text in texts:
            bench.now += 1
            writer.publish({"data": text})
        return bench

    @pytest.mark.parametrize(
        ("direction", "pages"),
        [("backwards", [["e", "d"], ["c", "b"], ["a"]]), ("forwards", [["a", "b"], ["c", "d"], ["e"]])],
    )
    def test_pages(self, direction: str, pages: list[list[str]]) -> None:
        bench = self.filled(*"abcde")
        page = ask(bench, self.PATH, limit="2", direction=direction)
        found = [data(page)]
        while "next" in links(page):
            page = follow(bench, self.PATH, links(page)["next"])
            found.append(data(page))
        assert found == pages
        assert data(follow(bench, self.PATH, links(page)["first"])) == pages[0]
        assert data(follow(bench, self.PATH, links(page)["current"])) == pages[-1]

    def test_links_hold_no_secret(self) -> None:
        response = ask(self.filled("a", "b"), self.PATH, headers={}, key=str(KEY), limit="1", rnd="5")
        assert set(links(response)) == {"first", "current", "next"}
        assert "secret" not in response.headers["Link"]
        assert "rnd" not in response.headers["Link"]

    def test_links_have_a_query_even_without_parameters(self) -> None:
        assert links(ask(Bench(), self.PATH)) == {"first": "messages?limit=100", "current": "messages?limit=100"}

    def test_the_alias_links_to_itself(self) -> None:
        bench = self.filled("a", "b")
        page = ask(bench, "/channels/ai%3Awf/history", limit="1")
        assert data(follow(bench, "/channels/ai%3Awf/history", links(page)["next"])) == ["a"]

    @pytest.mark.parametrize("parameter", ["from_serial", "fromSerial"])
    def test_until_attach(self, parameter: str) -> None:
        bench = self.filled("a", "b")
        serial = str(bench.connect().attach()[0]["channelSerial"])
        bench.connect().publish({"data": "c"})
        assert data(ask(bench, self.PATH, query={parameter: serial})) == ["b", "a"]

    def test_bounds(self) -> None:
        bench = self.filled("a", "b", "c")
        assert data(ask(bench, self.PATH, start=str(START + 2), end=str(START + 2))) == ["b"]

    @pytest.mark.parametrize("parameter", ["start", "end", "limit"])
    def test_numbers_must_be_numbers(self, parameter: str) -> None:
        assert error(ask(Bench(), self.PATH, query={parameter: "x"})) == (400, "40003", 40003)

    def test_it_needs_the_history_capability(self) -> None:
        token = create_jwt(KEY, START, 3_600_000, None, {"*": ["subscribe"]})
        headers = {"authorization": f"Bearer {token}"}
        assert error(ask(Bench(), self.PATH, headers=headers)) == (401, "40160", 40160)


class TestMessage:
    def test_get_versions_and_change(self) -> None:
        bench = Bench()
        serial = serial_of(bench.connect().publish({"data": "a", "name": "n"}, channel="x"))
        path = f"/channels/x/messages/{serial.replace('@', '%40').replace(':', '%3A')}"
        changed = ask(bench, path, "PATCH", body={"action": 5, "data": "b", "serial": "ignored"})
        version = as_wire(decode(changed.body, "json"))["versionSerial"]
        message = as_wire(decode(ask(bench, path).body, "json"))
        assert (message["data"], message["action"], message["name"]) == ("ab", 1, "n")
        assert as_wire(message["version"])["serial"] == version
        versions = ask(bench, f"{path}/versions")
        assert data(versions) == ["a", "ab"]
        assert links(versions)["first"] == "versions?limit=100"

    def test_unknown(self) -> None:
        bench = Bench()
        assert error(ask(bench, "/channels/x/messages/none")) == (404, "40400", 40400)
        assert error(ask(bench, "/channels/x/messages/none/versions")) == (404, "40400", 40400)
        assert error(ask(bench, "/channels/x/messages/none", "PATCH", body={"action": 1})) == (404, "40400", 40400)

    def test_a_change_needs_an_action(self) -> None:
        assert error(ask(Bench(), "/channels/x/messages/s", "PATCH", body={"data": "x"})) == (400, "40003", 40003)


class TestPresence:
    PATH = "/channels/ai%3Awf/presence"

    def filled(self) -> Bench:
        bench = Bench()
        for client in ("alice", "bob", "alice"):
            bench.connect(clientId=client).enter(data=client)
        return bench

    def test_members_in_pages(self) -> None:
        bench = self.filled()
        first = ask(bench, self.PATH, limit="2")
        rest = follow(bench, self.PATH, links(first)["next"])
        assert [row["clientId"] for row in [*rows(first), *rows(rest)]] == ["alice", "bob", "alice"]
        assert {row["action"] for row in rows(first)} == {1}
        assert "next" not in links(rest)

    def test_members_of_one_client_or_connection(self) -> None:
        bench = self.filled()
        found = rows(ask(bench, self.PATH, clientId="alice"))
        assert data_of_rows(found) == ["alice", "alice"]
        assert rows(ask(bench, self.PATH, connectionId=str(found[1]["connectionId"]))) == [found[1]]
        assert rows(ask(bench, self.PATH, clientId="carol")) == []

    def test_history_in_pages(self) -> None:
        bench = self.filled()
        path = f"{self.PATH}/history"
        first = ask(bench, path, limit="2", direction="forwards")
        rest = follow(bench, path, links(first)["next"])
        assert data_of_rows([*rows(first), *rows(rest)]) == ["alice", "bob", "alice"]
        assert data(ask(bench, path, limit="1", end=str(START))) == ["alice"]
        assert rows(ask(bench, path, start=str(START + 1))) == []

    def test_bytes_in_json(self) -> None:
        bench = Bench()
        bench.connect(clientId="alice").enter(data=b"\0")
        (row,) = rows(ask(bench, self.PATH))
        assert (row["data"], row["encoding"]) == ("AA==", "base64")

    @pytest.mark.parametrize(
        ("operation", "path", "status"),
        [
            ("presence", PATH, 200),
            ("subscribe", PATH, 200),
            ("publish", PATH, 401),
            ("history", f"{PATH}/history", 200),
            ("presence", f"{PATH}/history", 401),
        ],
    )
    def test_it_needs_a_capability(self, operation: str, path: str, status: int) -> None:
        assert ask(Bench(), path, headers=bearer(operation)).status == status


class TestStatus:
    def test_a_channel_in_use(self) -> None:
        bench = Bench()
        bench.connect(clientId="alice").enter()
        status = as_wire(decode(ask(bench, "/channels/ai%3Awf").body, "json"))
        assert (status["channelId"], as_wire(status["status"])["isActive"]) == ("ai:wf", True)
        metrics = as_wire(as_wire(as_wire(status["status"])["occupancy"])["metrics"])
        assert (metrics["connections"], metrics["presenceMembers"]) == (1, 1)

    def test_a_channel_that_nobody_uses(self) -> None:
        status = as_wire(decode(ask(Bench(), "/channels/x").body, "json"))
        assert as_wire(status["status"])["isActive"] is False

    def test_it_needs_the_capability(self) -> None:
        assert ask(Bench(), "/channels/x", headers=bearer("channel-metadata")).status == 200
        assert error(ask(Bench(), "/channels/x", headers=bearer("subscribe"))) == (401, "40160", 40160)


class TestToken:
    PATH = f"/keys/{KEY.name}/requestToken"

    def request(self) -> Wire:
        body: Wire = {"keyName": KEY.name, "timestamp": START, "nonce": "0123456789abcdef", "clientId": "alice"}
        return {**body, "mac": sign(KEY, body)}

    def test_a_signed_request_needs_no_credentials_and_its_token_is_one(self) -> None:
        bench = Bench()
        answer = ask(bench, self.PATH, "POST", body=self.request(), headers={})
        token = str(as_wire(decode(answer.body, "json"))["token"])
        assert answer.status == 201
        for value in (token, base64.b64encode(token.encode()).decode()):
            assert ask(bench, "/channels/x/messages", headers={"authorization": f"Bearer {value}"}).status == 200
        assert as_wire(bench.connect(access_token=token).hello["connectionDetails"])["clientId"] == "alice"

    def test_who_shows_the_key_need_not_sign(self) -> None:
        assert ask(Bench(), self.PATH, "POST", body={"clientId": "alice"}).status == 201

    def test_a_token_does_not_get_another(self) -> None:
        answer = ask(Bench(), self.PATH, "POST", body={"keyName": KEY.name}, headers=bearer("*"))
        assert error(answer) == (401, "40101", 40101)

    def test_in_msgpack(self) -> None:
        headers = {"content-type": MSGPACK, "accept": MSGPACK}
        bench, body = Bench(), encode(self.request(), "msgpack")
        answer = respond(bench.hub, Request("POST", self.PATH, {}, headers, body), bench.now)
        assert as_wire(decode(answer.body, "msgpack"))["clientId"] == "alice"

    def test_another_key(self) -> None:
        answer = ask(Bench(), "/keys/app.other/requestToken", "POST", body=self.request())
        assert error(answer) == (401, "40130", 40130)


class TestAbout:
    def test_who_asks_is_known_by_credentials_and_without_secrets(self) -> None:
        bench = Bench()
        token = create_jwt(KEY, START, 3_600_000, "alice", None)
        for query in ({"access_token": token}, {"accessToken": token}, {"key": str(KEY), "clientId": "alice"}):
            request = Request("GET", "/", {**query, "v": "6"}, {})
            assert about(bench.hub, request, bench.now) == {"v": "6", "clientId": "alice"}

    def test_who_shows_nothing_is_nobody(self) -> None:
        bench = Bench()
        assert about(bench.hub, Request("OPTIONS", "/", {"v": "6"}, {}), bench.now) == {"v": "6"}


class TestPagesOfOtherOrigins:
    PAGE = "http://localhost:3000"

    def test_a_browser_may_ask_first_without_credentials(self) -> None:
        response = ask(Bench(), "/channels/x/messages", "OPTIONS", headers={"origin": self.PAGE})
        assert (response.status, response.body) == (204, b"")

    def test_the_origin_is_named_and_the_headers_that_clients_read_are_shown(self) -> None:
        headers = cross_origin(Request("GET", "/time", {}, {"origin": self.PAGE}))
        assert headers["Access-Control-Allow-Origin"] == self.PAGE
        assert headers["Access-Control-Allow-Credentials"] == "true"
        assert headers["Vary"] == "Origin"
        assert "authorization" in headers["Access-Control-Allow-Headers"]
        assert {"Link", "X-Ably-Errorcode"} <= set(headers["Access-Control-Expose-Headers"].split(", "))

    def test_what_the_browser_asks_to_send_is_allowed(self) -> None:
        asked = {"origin": self.PAGE, "access-control-request-headers": "authorization,x-new"}
        headers = cross_origin(Request("OPTIONS", "/time", {}, asked))
        assert headers["Access-Control-Allow-Headers"] == "authorization,x-new"

    def test_what_is_no_page_gets_none_of_it(self) -> None:
        assert cross_origin(Request("GET", "/time", {}, {})) == {}
