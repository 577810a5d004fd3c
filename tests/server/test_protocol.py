from __future__ import annotations

import pytest

from temporal_ably.server.auth import create_jwt
from temporal_ably.server.limits import Limits
from temporal_ably.server.protocol import HEARTBEAT_MS, OUTBOX_BYTES, Ending
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


def modes_of(frame: Wire) -> Flag:
    return Flag(int(str(frame["flags"])))


def token_of(bench: Bench, ttl_ms: int, client_id: str | None = "alice", **capability: list[str]) -> str:
    return create_jwt(KEY, bench.now, ttl_ms, client_id, capability or None)


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

    def test_a_client_that_does_not_read_loses_its_socket(self) -> None:
        bench = Bench()
        reader, writer = bench.connect(), bench.connect()
        reader.attach()
        chunk = "x" * 60_000
        for _ in range(OUTBOX_BYTES // len(chunk) + 1):
            writer.publish({"data": chunk})
        assert reader.connection.ending is Ending.ABORT
        assert reader.read() == []


class TestPresence:
    def test_who_attaches_is_told_who_is_there(self) -> None:
        bench = Bench()
        alice = bench.connect(clientId="alice")
        (entered,) = presence_of(alice.enter(data="a"))
        attached, sync = bench.connect().attach()
        assert Flag.HAS_PRESENCE in modes_of(attached)
        assert sync["action"] == Action.SYNC
        assert str(sync["channelSerial"]).endswith(":")
        assert presence_of([sync], Action.SYNC) == [{**entered, "action": 1}]

    def test_where_nobody_is_there_is_no_sync(self) -> None:
        (attached,) = Bench().connect().attach()
        assert Flag.HAS_PRESENCE not in modes_of(attached)

    def test_many_members_come_in_several_frames(self) -> None:
        bench = Bench()
        peer = bench.connect()
        peer.attach()
        for number in range(9):
            peer.act(PresenceAction.ENTER, clientId=f"client-{number}", data="x" * 60_000)
        frames = only(bench.connect().attach(), Action.SYNC)
        cursors = [str(frame["channelSerial"]).partition(":") for frame in frames]
        assert len({sync_id for sync_id, _, _ in cursors}) == 1
        assert [cursor for _, _, cursor in cursors] == ["1", "2", ""]
        assert len(presence_of(frames, Action.SYNC)) == 9

    def test_every_attach_is_answered_with_the_members_since_clients_wait_for_them(self) -> None:
        bench = Bench()
        peer = bench.connect(clientId="alice")
        peer.enter()
        for frames in (peer.attach(), bench.connect(resume=peer.key, clientId="alice").attach()):
            assert Flag.HAS_PRESENCE in modes_of(frames[0])
            assert seen(frames, Action.SYNC) == [(1, "alice", None)]

    def test_who_asks_is_told_again_even_that_nobody_is_there(self) -> None:
        peer = Bench().connect()
        peer.attach()
        (sync,) = peer.send(Action.SYNC, channel="ai:wf", channelSerial="x")
        assert (sync["action"], sync["presence"], str(sync["channelSerial"])[-1]) == (Action.SYNC, [], ":")
        peer.act(PresenceAction.ENTER, clientId="alice")
        assert seen(peer.send(Action.SYNC, channel="ai:wf"), Action.SYNC) == [(1, "alice", None)]
        assert peer.send(Action.SYNC, channel="another") == []

    def test_all_who_are_attached_hear_of_it_echo_or_not(self) -> None:
        bench = Bench()
        alice, bob = bench.connect(clientId="alice", echo="false"), bench.connect()
        bob.attach()
        assert seen(alice.enter()) == [(2, "alice", None)]
        assert seen(bob.read()) == [(2, "alice", None)]

    def test_without_the_mode_a_client_hears_only_of_its_own_members(self) -> None:
        bench = Bench()
        alice, bob = bench.connect(clientId="alice"), bench.connect(clientId="bob")
        bob.attach(flags=int(Flag.PRESENCE))
        alice.enter()
        assert bob.read() == []
        attached, *rest = bob.attach(flags=int(Flag.PRESENCE))
        assert (Flag.HAS_PRESENCE in modes_of(attached), rest) == (False, [])
        assert seen(bob.act(PresenceAction.ENTER)) == [(2, "bob", None)]

    @pytest.mark.parametrize("action", [Action.CLOSE, Action.DETACH])
    def test_who_says_goodbye_leaves_at_once(self, action: Action) -> None:
        bench = Bench()
        alice, bob = bench.connect(clientId="alice"), bench.connect()
        bob.attach()
        alice.enter(data="a")
        bob.read()
        alice.send(action, channel="ai:wf")
        (left,) = presence_of(bob.read())
        assert (left["action"], left["clientId"], left["data"]) == (3, "alice", "a")
        assert not str(left["id"]).startswith(alice.connection.id)

    def test_a_channel_that_fails_is_left(self) -> None:
        bench = Bench()
        alice = bench.connect(clientId="alice")
        alice.enter()
        alice.connection.fail_channel("ai:wf", AblyError(90000, 400, "unable"), bench.now)
        assert bench.hub.presence("ai:wf").members() == []

    def test_who_is_attached_under_two_names_leaves_with_the_last(self) -> None:
        bench = Bench()
        alice = bench.connect(clientId="alice")
        alice.enter()
        alice.attach("[?rewind=1]ai:wf")
        alice.send(Action.DETACH, channel="ai:wf")
        assert len(bench.hub.presence("ai:wf").members()) == 1
        alice.send(Action.DETACH, channel="[?rewind=1]ai:wf")
        assert bench.hub.presence("ai:wf").members() == []

    def test_who_loses_the_connection_leaves_some_time_later(self) -> None:
        bench = Bench()
        alice, bob = bench.connect(clientId="alice"), bench.connect()
        bob.attach()
        alice.enter()
        alice.drop()
        bob.read()
        bench.advance(14_999)
        assert presence_of(bob.read()) == []
        assert bench.hub.next_due() == bench.now + 1
        bench.advance(1)
        assert seen(bob.read()) == [(3, "alice", None)]

    def test_who_is_back_in_time_never_left(self) -> None:
        bench = Bench()
        alice, bob = bench.connect(clientId="alice"), bench.connect()
        bob.attach()
        alice.enter()
        alice.drop()
        bob.read()
        bench.advance(14_000)
        bench.connect(resume=alice.key, clientId="alice")
        bench.advance(60_000)
        assert presence_of(bob.read()) == []
        assert len(bench.hub.presence("ai:wf").members()) == 1

    def test_a_superseded_socket_takes_nobody_along(self) -> None:
        bench = Bench()
        alice = bench.connect(clientId="alice")
        alice.enter()
        bench.connect(resume=alice.key, clientId="alice")
        alice.drop()
        bench.advance(60_000)
        assert len(bench.hub.presence("ai:wf").members()) == 1


class TestToken:
    def connect(self, bench: Bench, ttl_ms: int = 3_600_000, client_id: str | None = "alice", **params: str) -> Peer:
        return bench.connect(access_token=token_of(bench, ttl_ms, client_id), **params)

    def test_an_expired_token_ends_the_connection_so_that_the_client_renews(self) -> None:
        bench = Bench()
        peer = self.connect(bench, 2000)
        assert peer.connection.next_due() == bench.now + 2000
        bench.advance(2000)
        (frame,) = peer.read()
        assert (frame["action"], error_of(frame)) == (Action.DISCONNECTED, (40142, 401))

    def test_another_token_is_asked_for_before_the_old_one_expires(self) -> None:
        bench = Bench()
        peer = self.connect(bench)
        bench.advance(3_600_000 - 30_001)
        peer.read()
        bench.advance(1)
        assert peer.read() == [{"action": Action.AUTH}]
        bench.advance(29_999)
        assert only(peer.read(), Action.DISCONNECTED) == []
        bench.advance(1)
        assert [error_of(frame) for frame in peer.read()] == [(40142, 401)]

    def test_another_token_keeps_the_connection_beyond_the_old_ones_end(self) -> None:
        bench = Bench()
        peer = self.connect(bench, 60_000)
        peer.attach()
        bench.advance(30_000)
        peer.read()
        (connected,) = peer.show(token_of(bench, 120_000))
        assert (connected["action"], connected["connectionId"]) == (Action.CONNECTED, peer.connection.id)
        assert as_wire(connected["connectionDetails"])["clientId"] == "alice"
        bench.advance(60_000)
        assert peer.connection.ending is None
        peer.read()
        bench.advance(30_000)
        assert peer.read() == [{"action": Action.AUTH}]
        assert serials_of(peer.publish({"data": "a"}))

    @pytest.mark.parametrize(
        ("before", "after", "accepted"),
        [
            ("alice", "alice", True),
            ("alice", "*", True),
            ("*", "*", True),
            (None, None, True),
            ("alice", "bob", False),
            ("alice", None, False),
            (None, "alice", False),
            ("*", "alice", False),
        ],
    )
    def test_the_client_id_must_not_change(self, before: str | None, after: str | None, *, accepted: bool) -> None:
        bench = Bench()
        peer = self.connect(bench, client_id=before)
        (frame,) = peer.show(token_of(bench, 60_000, after))
        if accepted:
            assert as_wire(frame["connectionDetails"]).get("clientId") == before
        else:
            assert (frame["action"], error_of(frame)) == (Action.ERROR, (40102, 401))
            assert peer.connection.ending is Ending.CLOSE

    @pytest.mark.parametrize(("token", "code"), [("nonsense", 40144), (None, 40101)])
    def test_a_bad_token_is_final(self, token: str | None, code: int) -> None:
        (frame,) = self.connect(Bench()).show(token)
        assert (frame["action"], error_of(frame), "channel" in frame) == (Action.ERROR, (code, 401), False)

    def test_a_client_with_a_key_may_go_on_with_a_token(self) -> None:
        bench = Bench()
        peer = bench.connect(clientId="alice")
        peer.show(token_of(bench, 60_000))
        assert peer.connection.identity.expires == bench.now + 60_000

    def test_a_channel_that_the_new_token_does_not_allow_fails(self) -> None:
        bench = Bench()
        peer = self.connect(bench)
        for channel in ("a", "b"):
            peer.enter(channel)
        connected, failed = peer.show(
            token_of(bench, 60_000, a=["subscribe", "publish", "presence", "annotation-publish"])
        )
        assert connected["action"] == Action.CONNECTED
        assert (failed["action"], failed["channel"], error_of(failed)) == (Action.ERROR, "b", (40160, 401))
        assert list(peer.connection.attachments) == ["a"]
        assert bench.hub.presence("b").members() == []

    def test_modes_follow_the_capability_down_and_up_again(self) -> None:
        bench = Bench()
        peer = self.connect(bench)
        peer.attach("a", flags=int(Flag.SUBSCRIBE | Flag.PUBLISH))
        _, attached = peer.show(token_of(bench, 60_000, a=["subscribe"]))
        assert (attached["action"], modes_of(attached)) == (Action.ATTACHED, Flag.SUBSCRIBE | Flag.RESUMED)
        assert error_of(peer.publish({"data": "x"}, channel="a")[0]) == (40160, 401)
        _, attached = peer.show(token_of(bench, 60_000, a=["*"]))
        assert modes_of(attached) == Flag.SUBSCRIBE | Flag.PUBLISH | Flag.RESUMED
        assert serials_of(peer.publish({"data": "x"}, channel="a"))

    def test_it_can_be_asked_for_at_once_but_not_from_who_has_a_key(self) -> None:
        bench = Bench()
        peers = self.connect(bench), bench.connect()
        for peer in peers:
            peer.connection.ask_for_token(bench.now)
        assert [peer.read() for peer in peers] == [[{"action": Action.AUTH}], []]
