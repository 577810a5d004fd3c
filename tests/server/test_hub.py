from __future__ import annotations

import pytest

from temporal_ably.server.auth import create_jwt
from temporal_ably.server.hub import MAX_FRAME_BYTES
from temporal_ably.server.limits import Limits
from temporal_ably.server.protocol import Ending
from temporal_ably.server.wire import Action, Flag, Wire, as_wire
from tests.server.bench import KEY, START, Bench, Peer, error_of, serial_of, serials_of, shown

HOUR = 3_600_000


def with_token(bench: Bench, client_id: str | None, *operations: str, **params: str) -> Peer:
    token = create_jwt(KEY, START, HOUR, client_id, {"*": list(operations or ("*",))})
    return bench.connect(access_token=token, **params)


def client_id_of(peer: Peer) -> object:
    return as_wire(peer.hello["connectionDetails"]).get("clientId")


def test_connected_has_all_that_clients_read() -> None:
    peer = Bench().connect(clientId="alice")
    assert peer.hello["connectionId"] == peer.connection.id
    details = as_wire(peer.hello["connectionDetails"])
    assert details.pop("connectionKey") == peer.hello["connectionKey"]
    assert details == {
        "clientId": "alice",
        "connectionStateTtl": 120_000,
        "maxFrameSize": MAX_FRAME_BYTES,
        "maxIdleInterval": 15_000,
        "maxInboundRate": 1000,
        "maxMessageSize": 65_536,
        "serverId": "temporal-ably-local",
        "siteCode": "loc",
    }


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"v": "1"}, (40017, 400)),
        ({"v": ""}, (40017, 400)),
        ({"v": "x"}, (40017, 400)),
        ({"key": "app.key:wrong"}, (40101, 401)),
        ({"access_token": "nonsense"}, (40144, 401)),
        ({"accessToken": "nonsense"}, (40144, 401)),
    ],
    ids=str,
)
def test_a_refused_connection_gets_the_reason_as_its_only_frame(params: dict[str, str], error: object) -> None:
    bench = Bench()
    peer = bench.connect(**params)
    assert (peer.hello["action"], error_of(peer.hello)) == (Action.ERROR, error)
    assert "channel" not in peer.hello
    assert peer.connection.ending is Ending.CLOSE
    assert (bench.hub.connections, bench.hub.connections_total) == (set(), 1)


def test_both_spellings_of_the_token_parameter_work() -> None:
    bench = Bench()
    token = create_jwt(KEY, START, HOUR, "alice", None)
    for peer in (bench.connect(access_token=token), bench.connect(accessToken=token)):
        assert client_id_of(peer) == "alice"


def test_client_id_in_the_details() -> None:
    bench = Bench()
    assert client_id_of(bench.connect()) is None
    assert client_id_of(with_token(bench, None)) is None
    assert client_id_of(with_token(bench, "*")) == "*"
    assert client_id_of(with_token(bench, "*", clientId="bob")) == "bob"


def test_a_client_id_that_the_token_does_not_prove_is_refused() -> None:
    assert error_of(with_token(Bench(), "alice", clientId="bob").hello) == (40102, 401)


class TestResume:
    @pytest.mark.parametrize("parameter", ["resume", "recover"])
    def test_a_resumed_connection_keeps_its_id(self, parameter: str) -> None:
        bench = Bench()
        peer = bench.connect()
        peer.drop()
        again = bench.connect(**{parameter: peer.key})
        assert again.hello["connectionId"] == peer.hello["connectionId"]
        assert "error" not in again.hello
        assert again.key != peer.key

    def test_it_works_after_a_restart_of_the_server(self) -> None:
        peer = Bench().connect(clientId="alice")
        again = Bench().connect(resume=peer.key, clientId="alice")
        assert again.hello["connectionId"] == peer.hello["connectionId"]
        assert "error" not in again.hello

    def test_after_the_state_has_expired_there_is_a_new_connection(self) -> None:
        bench = Bench()
        peer = bench.connect()
        peer.drop()
        bench.now += bench.hub.connection_state_ttl_ms
        again = bench.connect(resume=peer.key)
        assert error_of(again.hello) == (80018, 400)
        assert again.connection.id != peer.connection.id

    def test_until_the_state_expires_it_works(self) -> None:
        bench = Bench()
        peer = bench.connect()
        first = peer.publish({"data": "a"}, serial=0)
        peer.drop()
        bench.now += bench.hub.connection_state_ttl_ms - 1
        again = bench.connect(resume=peer.key)
        assert again.connection.id == peer.connection.id
        assert again.publish({"data": "a"}, serial=0) == first

    def test_a_forged_key_gets_a_new_connection_and_80018(self) -> None:
        bench = Bench()
        again = bench.connect(resume=bench.connect().key + "x")
        assert again.hello["action"] == Action.CONNECTED
        assert error_of(again.hello) == (80018, 400)

    def test_a_refused_resume_gets_a_new_connection_and_80018(self) -> None:
        bench = Bench()
        bench.hub.faults.resumes_to_refuse = 1
        peer = bench.connect()
        refused, resumed = bench.connect(resume=peer.key), bench.connect(resume=peer.key)
        assert error_of(refused.hello) == (80018, 400)
        assert refused.connection.id != peer.connection.id
        assert resumed.connection.id == peer.connection.id

    def test_another_client_cannot_take_a_connection_over(self) -> None:
        bench = Bench()
        peer = with_token(bench, "alice")
        assert error_of(with_token(bench, "bob", resume=peer.key).hello) == (40102, 401)

    def test_the_new_socket_supersedes_the_old_one_silently(self) -> None:
        bench = Bench()
        peer, writer = bench.connect(), bench.connect()
        peer.attach()
        again = bench.connect(resume=peer.key)
        assert peer.connection.ending is Ending.CLOSE
        again.attach()
        writer.publish({"data": "a"})
        assert (peer.read(), shown(again.read())) == ([], [(0, "a")])
        peer.drop()
        writer.publish({"data": "b"})
        assert shown(again.read()) == [(0, "b")]

    def test_a_session_ends_with_goodbye(self) -> None:
        bench = Bench()
        peer = bench.connect()
        first = peer.publish({"data": "a"}, serial=0)
        peer.send(Action.CLOSE)
        peer.drop()
        assert bench.connect(resume=peer.key).publish({"data": "a"}, serial=0) != first


class TestPresence:
    def test_who_has_not_come_back_when_the_session_is_lost_leaves_even_if_nobody_ticks(self) -> None:
        bench = Bench()
        alice = bench.connect(clientId="alice")
        alice.enter()
        alice.drop()
        bench.now += bench.hub.connection_state_ttl_ms
        again = bench.connect(resume=alice.key, clientId="alice")
        assert error_of(again.hello) == (80018, 400)
        assert bench.hub.presence("ai:wf").members() == []

    def test_a_channel_that_nobody_ever_used_has_no_members(self) -> None:
        assert Bench().hub.presence("ai:wf").members() == []

    def test_occupancy(self) -> None:
        bench = Bench()
        bench.connect(clientId="alice").enter()
        reader = bench.connect()
        for name in ("ai:wf", "[?rewind=1]ai:wf"):
            reader.attach(name, flags=int(Flag.SUBSCRIBE))
        assert bench.hub.occupancy("ai:wf") == {
            "connections": 2,
            "publishers": 1,
            "subscribers": 2,
            "presenceConnections": 1,
            "presenceSubscribers": 1,
            "presenceMembers": 1,
        }


class TestRights:
    @pytest.mark.parametrize(
        ("operations", "message", "error"),
        [
            (("subscribe",), {"data": "x"}, (40160, 401)),
            (("publish",), {"action": 5, "data": "x"}, (40160, 401)),
            (("publish", "message-update-any"), {"action": 2}, (40160, 401)),
        ],
        ids=["publish", "append", "delete"],
    )
    def test_an_operation_needs_its_capability(self, operations: tuple[str, ...], message: Wire, error: object) -> None:
        bench = Bench()
        serial = serial_of(bench.connect().publish({"data": "a"}))
        peer = with_token(bench, "alice", *operations)
        change = {**message, "serial": serial} if "action" in message else message
        assert error_of(peer.publish(change)[0]) == error

    def test_own_messages_only(self) -> None:
        bench = Bench()
        alice = with_token(bench, "alice", "publish", "message-update-own")
        mine, other = serial_of(alice.publish({"data": "a"})), serial_of(bench.connect().publish({"data": "b"}))
        assert serials_of(alice.append(mine, "+"))
        assert error_of(alice.append(other, "+")[0]) == (40160, 401)

    def test_own_needs_an_identity(self) -> None:
        bench = Bench()
        anonymous = with_token(bench, None, "publish", "message-update-own")
        serial = serial_of(anonymous.publish({"data": "a"}))
        assert error_of(anonymous.append(serial, "+")[0]) == (40166, 401)

    def test_a_claimed_client_id_must_be_proven(self) -> None:
        bench = Bench()
        assert error_of(with_token(bench, "alice").publish({"clientId": "bob", "data": "a"})[0]) == (40012, 400)
        assert serials_of(bench.connect().publish({"clientId": "bob", "data": "a"}))

    def test_without_the_namespace_rule_every_change_is_refused(self) -> None:
        peer = Bench(mutable_messages=False).connect()
        serial = serial_of(peer.publish({"data": "a"}))
        for action in (1, 2, 5):
            assert error_of(peer.publish({"action": action, "serial": serial, "data": "x"})[0]) == (93002, 400)


class TestLimits:
    def test_a_publish_that_is_too_large(self) -> None:
        peer = Bench().connect()
        assert error_of(peer.publish({"data": "x" * 65_537})[0]) == (40009, 413)
        assert serials_of(peer.publish({"data": "x" * 65_536}))

    def test_a_publish_of_too_many_messages(self) -> None:
        many: list[Wire] = [{"data": ""}] * 1001
        assert error_of(Bench().connect().publish(*many)[0]) == (40034, 400)

    def test_a_message_that_grows_too_large_to_send(self) -> None:
        peer = Bench(limits=Limits(aggregate_bytes=10)).connect()
        serial = serial_of(peer.publish({"data": "12345"}))
        assert serials_of(peer.append(serial, "67890"))
        assert error_of(peer.append(serial, "x")[0]) == (40009, 413)

    def test_a_channels_rate_is_shared_by_its_publishers(self) -> None:
        bench = Bench(limits=Limits(channel_messages_per_s=2))
        for _ in range(2):
            assert serials_of(bench.connect().publish({"data": "a"}))
        assert error_of(bench.connect().publish({"data": "a"})[0]) == (42913, 429)
        assert serials_of(bench.connect().publish({"data": "a"}, channel="another"))

    def test_a_channels_bandwidth(self) -> None:
        peer = Bench(limits=Limits(channel_bytes_per_s=10)).connect()
        assert serials_of(peer.publish({"data": "1234567890"}))
        assert error_of(peer.publish({"data": "x"})[0]) == (42914, 429)


@pytest.mark.parametrize(("asked", "window"), [("", 40), ("0", 0), ("100", 100), ("9999", 500), ("x", 40)])
def test_rollup_window_of_a_connection(asked: str, window: int) -> None:
    assert Bench(rollup_ms=40).hub.rollup_window({"appendRollupWindow": asked}) == window


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"action": 3}, (40003, 400)),
        ({"action": "append"}, (40003, 400)),
        ({"action": 5, "data": "x"}, (40400, 404)),
        ({"action": 5, "data": "x", "serial": "unknown"}, (40400, 404)),
    ],
    ids=str,
)
def test_changes_that_make_no_sense(message: Wire, error: object) -> None:
    assert error_of(Bench().connect().publish(message)[0]) == error


def test_ids_are_idempotent_over_connections() -> None:
    bench = Bench()
    first = bench.connect().publish({"id": "one", "data": "a"})
    reader = bench.connect()
    reader.attach()
    assert serials_of(bench.connect().publish({"id": "one", "data": "a"})) == serials_of(first)
    assert reader.read() == []


def test_next_due_is_the_earliest_of_all_connections() -> None:
    bench = Bench()
    assert bench.hub.next_due() is None
    bench.connect()
    due = bench.hub.next_due()
    bench.now += 10
    later = bench.connect()
    assert bench.hub.next_due() == due
    bench.hub.disconnected(later.connection, bench.now)
    assert len(bench.hub.connections) == 1
