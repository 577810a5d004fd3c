from __future__ import annotations

import pytest

from temporal_ably.server.auth import create_jwt
from temporal_ably.server.faults import Fault, FaultKind
from temporal_ably.server.limits import Limits
from temporal_ably.server.protocol import HEARTBEAT_MS, OUTBOX_BYTES, Ending
from temporal_ably.server.wire import AblyError, Action, Flag, Wire, as_wire
from tests.server.bench import KEY, Bench, error_of, messages_of, only, serial_of, serials_of, shown


def modes_of(frame: Wire) -> Flag:
    return Flag(int(str(frame["flags"])))


def order(bench: Bench, kind: FaultKind, *, apply: bool = False, delay_ms: int = 0) -> None:
    bench.hub.faults.add(Fault(kind, apply=apply, error=AblyError(42911, 429, "unable"), delay_ms=delay_ms))


class TestChannels:
    def test_attached_carries_modes_and_a_serial_even_on_an_empty_channel(self) -> None:
        (attached,) = Bench().connect().attach(params={"agent": "x"})
        assert attached["action"] == Action.ATTACHED
        assert attached["channelSerial"]
        assert Flag.SUBSCRIBE | Flag.PUBLISH in modes_of(attached)
        assert Flag.RESUMED not in modes_of(attached)
        assert "params" not in attached

    def test_null_parameters_are_fine(self) -> None:
        assert Bench().connect().attach(params=None, flags=None)[0]["action"] == Action.ATTACHED

    def test_attaching_again_is_answered_in_place(self) -> None:
        bench = Bench()
        peer, writer = bench.connect(), bench.connect()
        peer.attach()
        serial = serial_of(writer.publish({"data": "a"}))
        peer.read()
        (attached,) = peer.attach(flags=int(Flag.SUBSCRIBE))
        assert modes_of(attached) == Flag.SUBSCRIBE | Flag.RESUMED
        writer.append(serial, "b")
        assert shown(peer.read()) == [(5, "b")]

    def test_a_refused_attach_fails_only_the_channel(self) -> None:
        peer = Bench().connect()
        (failed,) = peer.attach("a,b")
        assert (failed["action"], failed["channel"], error_of(failed)) == (Action.ERROR, "a,b", (40010, 400))
        assert peer.connection.ending is None

    def test_an_unreadable_rewind_leaves_nothing_attached(self) -> None:
        bench = Bench()
        peer = bench.connect()
        assert error_of(peer.attach(params={"rewind": "soon"})[0]) == (40003, 400)
        assert bench.hub.attachments_of("ai:wf") == []

    def test_detach_ends_delivery(self) -> None:
        peer = Bench().connect()
        peer.attach()
        assert peer.send(Action.DETACH, channel="ai:wf") == [{"action": Action.DETACHED, "channel": "ai:wf"}]
        assert shown(peer.publish({"data": "a"})) == []

    def test_channels_of_a_connection_are_limited_behind_the_switch(self) -> None:
        peer = Bench(limits=Limits(channels_per_connection=1)).connect()
        peer.attach("a")
        assert error_of(peer.attach("b")[0]) == (90010, 400)
        assert peer.attach("a")[0]["action"] == Action.ATTACHED

    def test_without_subscribe_mode_nothing_is_delivered(self) -> None:
        peer = Bench().connect()
        peer.publish({"data": "old"})
        frames = peer.attach(flags=int(Flag.PUBLISH), params={"rewind": 5})
        assert shown(frames) == []
        assert shown(peer.publish({"data": "a"})) == []

    def test_publishing_on_a_channel_attached_without_publish_mode_is_refused(self) -> None:
        peer = Bench().connect()
        peer.attach(flags=int(Flag.SUBSCRIBE))
        assert error_of(peer.publish({"data": "a"})[0]) == (40165, 401)

    def test_a_failed_channel_settles_its_held_publishes(self) -> None:
        bench = Bench(rollup_ms=40)
        peer = bench.connect()
        peer.attach()
        serial = serial_of(peer.publish({"data": ""}))
        peer.append(serial, "a")
        assert serials_of(peer.append(serial, "b")) == []
        peer.connection.fail_channel("ai:wf", AblyError(90000, 400, "unable"), bench.now)
        frames = peer.read()
        assert len(serials_of(frames)) == 1
        assert frames[-1]["channel"] == "ai:wf"
        assert bench.hub.attachments_of("ai:wf") == []


class TestDelivery:
    def test_a_message_carries_position_and_publisher(self) -> None:
        bench = Bench()
        reader, writer = bench.connect(), bench.connect(clientId="alice")
        reader.attach()
        serial = serial_of(writer.publish({"data": "a"}, {"data": "b"}))
        (frame,) = reader.read()
        assert frame["channelSerial"] == serial.rpartition(":")[0]
        assert frame["connectionId"] == writer.connection.id
        assert [message["clientId"] for message in messages_of([frame])] == ["alice", "alice"]

    def test_an_append_moves_the_position(self) -> None:
        peer = Bench().connect()
        peer.attach()
        serial = serial_of(peer.publish({"data": "a"}))
        (frame,) = only(peer.append(serial, "b"), Action.MESSAGE)
        version = as_wire(messages_of([frame])[0]["version"])
        assert f"{frame['channelSerial']}:000" == version["serial"]
        assert str(version["serial"]) > serial

    def test_delta_or_full_is_decided_for_each_attachment(self) -> None:
        bench = Bench()
        writer, early, late = bench.connect(), bench.connect(), bench.connect()
        early.attach()
        serial = serial_of(writer.publish({"data": "Hel", "name": "n"}))
        early.read()
        late.attach()
        writer.append(serial, "lo")
        assert (shown(early.read()), shown(late.read())) == ([(5, "lo")], [(1, "Hello")])
        writer.append(serial, "!")
        assert (shown(early.read()), shown(late.read())) == ([(5, "!")], [(5, "!")])

    def test_echo_can_be_switched_off(self) -> None:
        bench = Bench()
        peer, other = bench.connect(echo="false"), bench.connect()
        for each in (peer, other):
            each.attach()
        assert shown(peer.publish({"data": "a"})) == []
        assert shown(other.read()) == [(0, "a")]

    def test_a_qualified_name_stays_the_clients_name_of_the_channel(self) -> None:
        peer = Bench().connect()
        peer.publish({"data": "old"})
        attached, replayed = peer.attach("[?rewind=1]ai:wf")
        assert {attached["channel"], replayed["channel"]} == {"[?rewind=1]ai:wf"}
        assert only(peer.publish({"data": "new"}), Action.MESSAGE)[0]["channel"] == "[?rewind=1]ai:wf"


class TestReplay:
    def test_a_channel_serial_brings_what_was_missed_in_order(self) -> None:
        bench = Bench()
        peer = bench.connect()
        peer.attach()
        seen = only(peer.publish({"data": "a"}), Action.MESSAGE)[0]["channelSerial"]
        peer.drop()
        writer = bench.connect()
        serial = serial_of(writer.publish({"data": "b"}))
        writer.append(serial, "c")
        back = bench.connect(resume=peer.key)
        attached, *missed = back.attach(channelSerial=seen)
        assert Flag.RESUMED | Flag.HAS_BACKLOG in modes_of(attached)
        assert attached["channelSerial"] == seen
        assert shown(missed) == [(0, "b"), (5, "c")]

    def test_an_append_to_a_message_seen_before_the_drop_arrives_in_full(self) -> None:
        bench = Bench()
        peer = bench.connect()
        peer.attach()
        frames = peer.publish({"data": "a"})
        seen = only(frames, Action.MESSAGE)[0]["channelSerial"]
        peer.drop()
        bench.connect().append(serial_of(frames), "b")
        assert shown(bench.connect(resume=peer.key).attach(channelSerial=seen)) == [(1, "ab")]

    def test_messages_of_one_publish_are_replayed_together(self) -> None:
        bench = Bench()
        start = bench.connect().attach()[0]["channelSerial"]
        bench.connect().publish({"data": "a"}, {"data": "b"})
        frames = bench.connect().attach(channelSerial=start)
        assert len(only(frames, Action.MESSAGE)) == 1
        assert shown(frames) == [(0, "a"), (0, "b")]

    def test_nothing_missed_is_resumed_without_backlog(self) -> None:
        bench = Bench()
        position = bench.connect().attach()[0]["channelSerial"]
        (attached,) = bench.connect().attach(channelSerial=position)
        assert Flag.RESUMED in modes_of(attached)
        assert Flag.HAS_BACKLOG not in modes_of(attached)

    def test_lost_continuity_is_told(self) -> None:
        (attached,) = Bench().connect().attach(channelSerial="01600000000000-000@gone")
        assert Flag.RESUMED not in modes_of(attached)
        assert error_of(attached) == (90003, 404)

    def test_what_was_missed_too_long_ago_is_lost(self) -> None:
        bench = Bench()
        position = bench.connect().attach()[0]["channelSerial"]
        bench.connect().publish({"data": "old"})
        bench.now += bench.hub.connection_state_ttl_ms + 1
        bench.connect().publish({"data": "new"})
        frames = bench.connect().attach(channelSerial=position)
        assert error_of(frames[0]) == (90003, 404)
        assert shown(frames) == [(0, "new")]

    def test_rewind_brings_each_message_once_and_serials_that_rise(self) -> None:
        bench = Bench()
        writer = bench.connect()
        serials = [serial_of(writer.publish({"data": data})) for data in "abc"]
        writer.append(serials[1], "+")
        attached, *replayed = bench.connect().attach(params={"rewind": 2})
        assert attached["params"] == {"rewind": 2}
        assert shown(replayed) == [(1, "b+"), (0, "c")]
        positions = [str(frame["channelSerial"]) for frame in (attached, *replayed)]
        assert positions == sorted(positions)

    def test_a_client_cut_off_within_a_rewind_can_resume_within(self) -> None:
        bench = Bench()
        writer = bench.connect()
        for data in "abc":
            writer.publish({"data": data})
        _, first, *_ = bench.connect().attach(params={"rewind": 3})
        again = bench.connect().attach(channelSerial=first["channelSerial"], params={"rewind": 3})
        assert shown(again) == [(0, "b"), (0, "c")]

    def test_after_a_rewind_appends_come_as_deltas(self) -> None:
        bench = Bench()
        writer = bench.connect()
        serial = serial_of(writer.publish({"data": "a"}))
        reader = bench.connect()
        reader.attach(params={"rewind": 1})
        writer.append(serial, "b")
        assert shown(reader.read()) == [(5, "b")]


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

    @pytest.mark.parametrize("action", [Action.PRESENCE, Action.ANNOTATION, Action.OBJECT])
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

    def test_a_client_that_does_not_read_loses_its_socket(self) -> None:
        bench = Bench()
        reader, writer = bench.connect(), bench.connect()
        reader.attach()
        chunk = "x" * 60_000
        for _ in range(OUTBOX_BYTES // len(chunk) + 1):
            writer.publish({"data": chunk})
        assert reader.connection.ending is Ending.ABORT
        assert reader.read() == []


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


class TestLife:
    def test_a_heartbeat_is_answered_with_its_id(self) -> None:
        peer = Bench().connect()
        assert peer.send(Action.HEARTBEAT, id="ping") == [{"action": 0, "id": "ping"}]
        assert peer.send(Action.HEARTBEAT) == [{"action": 0}]

    def test_a_silent_connection_is_kept_alive(self) -> None:
        bench = Bench()
        peer = bench.connect()
        bench.advance(HEARTBEAT_MS - 1)
        assert peer.read() == []
        bench.advance(HEARTBEAT_MS)
        assert peer.read() == [{"action": 0}]

    def test_a_heartbeat_that_cannot_leave_does_not_spin(self) -> None:
        bench = Bench()
        peer = bench.connect()
        bench.advance(HEARTBEAT_MS)
        assert peer.connection.next_due() == bench.now + HEARTBEAT_MS

    def test_goodbye(self) -> None:
        peer = Bench().connect()
        assert peer.send(Action.CLOSE) == [{"action": Action.CLOSED}]
        assert peer.connection.ending is Ending.CLOSE

    def test_a_client_that_leaves_a_transport_is_let_go_without_a_word(self) -> None:
        peer = Bench().connect()
        assert peer.send(Action.DISCONNECT) == []
        assert peer.connection.ending is Ending.CLOSE

    def test_after_the_end_nothing_is_handled(self) -> None:
        bench = Bench()
        peer = bench.connect()
        peer.send(Action.CLOSE)
        assert peer.publish({"data": "a"}) == []
        assert bench.hub.find_channel("ai:wf") is None

    def test_an_unknown_action_is_ignored(self) -> None:
        peer = Bench().connect()
        peer.connection.receive({"action": 99}, 0)
        peer.connection.receive({}, 0)
        assert peer.connection.ending is None

    def test_an_expired_token_ends_the_connection_so_that_the_client_renews(self) -> None:
        bench = Bench()
        peer = bench.connect(access_token=create_jwt(KEY, bench.now, 2000, "alice", None))
        assert peer.connection.next_due() == bench.now + 2000
        bench.advance(2000)
        (frame,) = peer.read()
        assert (frame["action"], error_of(frame)) == (Action.DISCONNECTED, (40142, 401))
