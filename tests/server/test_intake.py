from __future__ import annotations

import pytest

from temporal_ably.server.auth import create_jwt
from temporal_ably.server.faults import Fault, FaultKind
from temporal_ably.server.limits import Limits
from temporal_ably.server.protocol import Ending
from temporal_ably.server.wire import AblyError, Action, Flag, PresenceAction, Wire, as_wire
from tests.server.bench import (
    KEY,
    Bench,
    Peer,
    error_of,
    messages_of,
    only,
    presence_of,
    seen,
    serial_of,
    serials_of,
    shown,
)

ENTER, LEAVE, UPDATE = PresenceAction.ENTER, PresenceAction.LEAVE, PresenceAction.UPDATE


def order(bench: Bench, kind: FaultKind, *, apply: bool = False, delay_ms: int = 0) -> None:
    bench.hub.faults.add(Fault(kind, apply=apply, error=AblyError(42911, 429, "unable"), delay_ms=delay_ms))


class TestAcknowledgements:
    def test_each_frame_gets_its_own_in_order(self) -> None:
        peer = Bench().connect()
        first = peer.publish({"data": "a"}, {"data": "b"})
        assert [frame["msgSerial"] for frame in first] == [0]
        assert [len(serials) for serials in serials_of(first)] == [2]

    def test_acks_of_one_turn_travel_as_one(self) -> None:
        bench = Bench()
        peer = bench.connect()
        for number in range(3):
            frame: Wire = {"action": 15, "channel": "x", "msgSerial": number, "messages": [{"data": "a"}]}
            peer.connection.receive(frame, bench.now)
        (ack,) = peer.read()
        assert (ack["msgSerial"], ack["count"], len(serials_of([ack]))) == (0, 3, 3)

    def test_a_refused_publish_gets_a_nack_with_a_whole_error(self) -> None:
        peer = Bench().connect()
        (nack,) = peer.publish({"data": 1})
        assert (nack["action"], nack["msgSerial"], nack["count"]) == (Action.NACK, 0, 1)
        assert error_of(nack) == (40013, 400)

    def test_a_frame_sent_twice_is_applied_once_and_acknowledged_twice(self) -> None:
        bench = Bench()
        peer = bench.connect()
        first = peer.publish({"data": "a"}, serial=1)
        second = peer.publish({"data": "a"}, serial=1)
        assert first == second
        assert len(bench.hub.channel("ai:wf", bench.now).log) == 1

    def test_a_frame_sent_again_after_a_resume_is_acknowledged_with_its_serials(self) -> None:
        bench = Bench()
        peer = bench.connect()
        first = peer.publish({"data": "a"}, serial=0)
        peer.drop()
        assert bench.connect(resume=peer.key).publish({"data": "a"}, serial=0) == first

    def test_the_same_serial_with_other_content_is_a_new_publish(self) -> None:
        peer = Bench().connect()
        assert serials_of(peer.publish({"data": "a"}, serial=1)) != serials_of(peer.publish({"data": "b"}, serial=1))

    def test_the_ledger_of_a_connection_is_not_anothers(self) -> None:
        bench = Bench()
        assert bench.connect().publish({"data": "a"}, serial=0) != bench.connect().publish({"data": "a"}, serial=0)

    @pytest.mark.parametrize("action", [Action.ANNOTATION, Action.OBJECT])
    def test_what_is_not_there_is_refused_and_not_left_hanging(self, action: Action) -> None:
        (nack,) = Bench().connect().send(action, channel="x", msgSerial=0)
        assert (nack["action"], error_of(nack)) == (Action.NACK, (40000, 400))

    def test_an_empty_publish_is_acknowledged(self) -> None:
        assert serials_of(Bench().connect().publish()) == [[]]


class TestRollup:
    def test_held_appends_leave_as_one_and_each_gets_its_ack(self) -> None:
        bench = Bench(rollup_ms=40)
        peer = bench.connect()
        peer.attach()
        serial = serial_of(peer.publish({"data": ""}))
        peer.append(serial, "a")
        for data in "bcd":
            assert peer.append(serial, data) == []
        assert peer.connection.next_due() == bench.now + 40
        bench.advance(40)
        frames = peer.read()
        assert shown(frames) == [(5, "bcd")]
        version = as_wire(messages_of(frames)[0]["version"])["serial"]
        assert serials_of(frames) == [[None], [None], [version]]

    def test_a_publish_overtakes_held_appends_as_on_ably(self) -> None:
        assert self._order(overtakes=True) == [(5, "a"), (0, "next"), (5, "b")]

    def test_order_can_be_kept(self) -> None:
        assert self._order(overtakes=False) == [(5, "a"), (5, "b"), (0, "next")]

    def _order(self, *, overtakes: bool) -> list[tuple[object, object]]:
        bench = Bench(rollup_ms=40, rollup_overtakes=overtakes)
        peer = bench.connect()
        peer.attach()
        serial = serial_of(peer.publish({"data": ""}))
        frames = [*peer.append(serial, "a"), *peer.append(serial, "b"), *peer.publish({"data": "next"})]
        bench.advance(40)
        return shown([*frames, *peer.read()])

    def test_the_connection_chooses_its_window(self) -> None:
        peer = Bench(rollup_ms=40).connect(appendRollupWindow="0")
        serial = serial_of(peer.publish({"data": ""}))
        assert all(serials_of(peer.append(serial, data)) for data in "abc")

    def test_held_appends_survive_a_broken_socket(self) -> None:
        bench = Bench(rollup_ms=40)
        peer = bench.connect()
        serial = serial_of(peer.publish({"data": ""}))
        for data in "ab":
            peer.append(serial, data)
        peer.drop()
        assert bench.hub.channel("ai:wf", bench.now).find(serial).data == "ab"

    def test_a_refusal_reaches_every_held_append(self) -> None:
        bench = Bench(rollup_ms=40, limits=Limits(connection_messages_per_s=2))
        peer = bench.connect()
        serial = serial_of(peer.publish({"data": ""}))
        for data in "abc":
            peer.append(serial, data)
        bench.advance(40)
        assert [error_of(frame) for frame in only(peer.read(), Action.NACK)] == [(42911, 429)] * 2


class TestLimits:
    def test_messages_beyond_the_rate_are_refused_and_the_connection_goes_on(self) -> None:
        bench = Bench(limits=Limits(connection_messages_per_s=5))
        peer = bench.connect()
        frames = [frame for _ in range(7) for frame in peer.publish({"data": "a"})]
        assert [frame["action"] for frame in frames] == [Action.ACK] * 5 + [Action.NACK] * 2
        assert error_of(frames[-1]) == (42911, 429)
        bench.now += 1000
        assert serials_of(peer.publish({"data": "a"}))

    def test_a_flood_ends_the_connection(self) -> None:
        peer = Bench(limits=Limits(connection_messages_per_s=1)).connect()
        frames = [frame for _ in range(25) for frame in peer.publish({"data": "a"})]
        assert (frames[-1]["action"], error_of(frames[-1])) == (Action.ERROR, (42921, 429))
        assert peer.connection.ending is Ending.CLOSE


class TestFaults:
    def test_refuse(self) -> None:
        bench = Bench()
        order(bench, FaultKind.REFUSE)
        peer = bench.connect()
        assert error_of(peer.publish({"data": "a"}, serial=0)[0]) == (42911, 429)
        assert bench.hub.find_channel("ai:wf") is None
        assert serials_of(peer.publish({"data": "a"}, serial=0))

    @pytest.mark.parametrize("apply", [True, False])
    def test_ignore(self, *, apply: bool) -> None:
        bench = Bench()
        order(bench, FaultKind.IGNORE, apply=apply)
        peer = bench.connect()
        assert peer.publish({"data": "a"}, serial=0) == []
        assert (bench.hub.find_channel("ai:wf") is not None) is apply
        assert serials_of(peer.publish({"data": "a"}, serial=0))
        assert len(bench.hub.channel("ai:wf", bench.now).log) == 1

    @pytest.mark.parametrize("apply", [True, False])
    def test_cut(self, *, apply: bool) -> None:
        bench = Bench()
        order(bench, FaultKind.CUT, apply=apply)
        peer = bench.connect()
        assert peer.publish({"data": "a"}, serial=0) == []
        assert peer.connection.ending is Ending.ABORT
        assert (bench.hub.find_channel("ai:wf") is not None) is apply
        peer.drop()
        assert serials_of(bench.connect(resume=peer.key).publish({"data": "a"}, serial=0))
        assert len(bench.hub.channel("ai:wf", bench.now).log) == 1

    def test_delay_holds_back_the_ack_and_those_behind_it(self) -> None:
        bench = Bench()
        order(bench, FaultKind.DELAY, delay_ms=500)
        peer = bench.connect()
        assert peer.publish({"data": "a"}) == []
        assert peer.publish({"data": "b"}) == []
        assert peer.connection.next_due() == bench.now + 500
        bench.advance(500)
        assert [frame["count"] for frame in peer.read()] == [2]


class TestModes:
    def test_publishing_on_a_channel_attached_without_publish_mode_is_refused(self) -> None:
        peer = Bench().connect()
        peer.attach(flags=int(Flag.SUBSCRIBE))
        assert error_of(peer.publish({"data": "a"})[0]) == (40165, 401)

    def test_that_the_capability_is_missing_is_told_first(self) -> None:
        bench = Bench()
        peer = bench.connect(access_token=create_jwt(KEY, bench.now, 60_000, "alice", {"*": ["subscribe"]}))
        peer.attach()
        assert error_of(peer.publish({"data": "a"})[0]) == (40160, 401)


class TestPresence:
    def test_an_item_gets_an_id_that_orders_it_and_the_connections_client_id(self) -> None:
        peer = Bench().connect(clientId="alice")
        peer.publish({"data": "frame 0"})
        frames = peer.enter(data="here")
        (event,) = presence_of(frames)
        assert (event["id"], event["clientId"]) == (f"{peer.connection.id}:1:0", "alice")
        assert serials_of(frames) == [[]]

    def test_a_frame_sent_again_after_a_resume_is_acknowledged_and_not_told_again(self) -> None:
        bench = Bench()
        peer, other = bench.connect(clientId="alice"), bench.connect()
        peer.enter()
        peer.drop()
        other.attach()
        again = bench.connect(resume=peer.key, clientId="alice")
        again.attach()
        again.read()
        frames = again.send(Action.PRESENCE, channel="ai:wf", msgSerial=0, presence=[{"action": int(ENTER)}])
        assert (serials_of(frames), presence_of(frames), presence_of(other.read())) == ([[]], [], [])

    def test_a_member_that_enters_again_with_its_id_is_acknowledged_and_not_told_again(self) -> None:
        bench = Bench()
        peer = bench.connect(clientId="alice")
        (event,) = presence_of(peer.enter())
        peer.drop()
        again = bench.connect(resume=peer.key, clientId="alice")
        again.attach()
        again.read()
        frames = again.act(ENTER, id=event["id"], clientId="alice")
        assert (serials_of(frames), presence_of(frames)) == ([[]], [])

    def test_the_key_may_enter_for_anyone(self) -> None:
        peer = Bench().connect()
        peer.attach()
        frames = [
            *peer.act(ENTER, clientId="alice"),
            *peer.act(ENTER, clientId="bob"),
            *peer.act(LEAVE, clientId="bob"),
        ]
        assert seen(frames) == [(2, "alice", None), (2, "bob", None), (3, "bob", None)]

    @pytest.mark.parametrize(
        ("client_id", "item", "error"),
        [
            (None, {}, (91000, 400)),
            ("*", {}, (91000, 400)),
            ("*", {"clientId": "*"}, (40012, 400)),
            ("alice", {"clientId": "bob"}, (40012, 400)),
            (None, {"clientId": "bob"}, (40012, 400)),
            ("alice", {"action": int(LEAVE)}, (91002, 400)),
            ("alice", {"action": int(PresenceAction.ABSENT)}, (40003, 400)),
            ("alice", {"action": 99}, (40003, 400)),
            ("alice", {"data": "x" * 65_537}, (40009, 413)),
            ("alice", {"data": 1}, (40013, 400)),
        ],
        ids=str,
    )
    def test_refusals(self, client_id: str | None, item: Wire, error: object) -> None:
        bench = Bench()
        peer = bench.connect(access_token=create_jwt(KEY, bench.now, 60_000, client_id, None))
        peer.attach()
        (nack,) = peer.send(Action.PRESENCE, channel="ai:wf", msgSerial=0, presence=[{"action": int(ENTER), **item}])
        assert (nack["action"], error_of(nack)) == (Action.NACK, error)
        assert bench.hub.presence("ai:wf").members() == []

    def test_it_needs_an_attached_channel_the_mode_and_the_capability(self) -> None:
        bench = Bench()
        peer = bench.connect(clientId="alice")
        assert error_of(peer.act(ENTER)[0]) == (91001, 400)
        peer.attach(flags=int(Flag.SUBSCRIBE))
        assert error_of(peer.act(ENTER)[0]) == (40165, 401)
        reader = bench.connect(access_token=create_jwt(KEY, bench.now, 60_000, "bob", {"*": ["subscribe"]}))
        reader.attach()
        assert error_of(reader.act(ENTER)[0]) == (40160, 401)

    def test_a_channel_has_as_many_members_as_it_may(self) -> None:
        bench = Bench(limits=Limits(presence_members=1))
        peer = bench.connect()
        peer.attach()
        assert serials_of(peer.act(ENTER, clientId="alice"))
        assert error_of(peer.act(ENTER, clientId="bob")[0]) == (91003, 400)
        assert serials_of(peer.act(UPDATE, clientId="alice", data="still here"))
        peer.act(LEAVE, clientId="alice")
        assert serials_of(peer.act(ENTER, clientId="bob"))

    def test_it_counts_for_the_rate(self) -> None:
        peer = Bench(limits=Limits(connection_messages_per_s=1)).connect(clientId="alice")
        peer.enter()
        assert error_of(peer.act(UPDATE)[0]) == (42911, 429)

    @pytest.mark.parametrize("encoding", ["", "json"])
    def test_bytes_and_objects_are_kept(self, encoding: str) -> None:
        peer: Peer = Bench().connect(clientId="alice")
        (event,) = presence_of(peer.enter(data={"a": 1} if encoding else b"\0", extras={"headers": {"k": "v"}}))
        assert (event["data"], event.get("encoding", "")) == ('{"a":1}' if encoding else b"\0", encoding)
        assert event["extras"] == {"headers": {"k": "v"}}
