from __future__ import annotations

import asyncio

import pytest

from temporal_ably.server.auth import create_jwt
from temporal_ably.server.controls import Faults, order
from temporal_ably.server.protocol import Ending
from temporal_ably.server.wire import AblyError, Action, Wire
from tests.server.bench import KEY, Bench, Peer, error_of, seen, serials_of


class RecordingShell:
    """Stands for the sockets; writes down what it is told."""

    def __init__(self, bench: Bench) -> None:
        self.told: list[str] = []
        self._bench = bench

    def pump(self) -> None:
        self.told.append("pump")

    def now(self) -> int:
        return self._bench.now

    async def listen(self) -> None:
        self.told.append("listen")

    async def stop_listening(self) -> None:
        self.told.append("stop")

    def flow(self, *, on: bool) -> None:
        self.told.append("flow" if on else "hold")


class Stage:
    def __init__(self) -> None:
        self.bench = Bench()
        self.shell = RecordingShell(self.bench)
        self.faults = Faults(self.bench.hub, self.shell)
        self.peer = self.bench.connect(clientId="alice")
        self.other = self.bench.connect(clientId="bob")


@pytest.fixture
def stage() -> Stage:
    return Stage()


def last(peer: Peer) -> tuple[object, object]:
    frame = peer.read()[-1]
    return frame["action"], error_of(frame)[0]


def test_drop_connections_aborts_all_or_those_that_match(stage: Stage) -> None:
    stage.faults.drop_connections(lambda about: about["clientId"] == "alice")
    assert (stage.peer.connection.ending, stage.other.connection.ending) == (Ending.ABORT, None)
    stage.faults.drop_connections()
    assert stage.other.connection.ending is Ending.ABORT
    assert stage.shell.told == ["pump", "pump"]


def test_refuse_names_the_error(stage: Stage) -> None:
    stage.faults.refuse(code=40000, status=400, match=lambda message: message.get("name") == "n")
    assert serials_of(stage.peer.publish({"name": "other"}))
    assert error_of(stage.peer.publish({"name": "n"})[0]) == (40000, 400)


def test_connection_error_and_disconnected_end_every_connection(stage: Stage) -> None:
    stage.faults.connection_error(code=40110)
    assert last(stage.peer) == (Action.ERROR, 40110)
    third = stage.bench.connect()
    stage.faults.disconnected(code=80003)
    assert last(third) == (Action.DISCONNECTED, 80003)
    fourth = stage.bench.connect()
    stage.faults.disconnected(code=None)
    assert fourth.read() == [{"action": Action.DISCONNECTED}]


def test_channel_error_fails_only_that_channel(stage: Stage) -> None:
    for channel in ("x", "y"):
        stage.peer.attach(channel)
    stage.faults.channel_error("x", code=90001)
    assert last(stage.peer) == (Action.ERROR, 90001)
    assert list(stage.peer.connection.attachments) == ["y"]
    assert stage.other.read() == []


def test_lose_continuity(stage: Stage) -> None:
    serial = stage.peer.attach("x")[0]["channelSerial"]
    stage.faults.lose_continuity("x")
    assert error_of(stage.other.attach("x", channelSerial=serial)[0]) == (90003, 404)


async def test_unreachable_and_silent_end_even_when_the_block_fails(stage: Stage) -> None:
    with pytest.raises(LookupError):
        async with stage.faults.unreachable():
            raise LookupError
    with pytest.raises(LookupError):
        async with stage.faults.silent():
            raise LookupError
    assert stage.shell.told == ["stop", "listen", "hold", "flow"]


async def test_one_client_can_be_cut_off_for_a_while(stage: Stage) -> None:
    def is_alice(about: Wire) -> bool:
        return about.get("clientId") == "alice"

    rules = stage.bench.hub.faults
    async with stage.faults.unreachable(is_alice):
        assert (stage.peer.connection.ending, stage.other.connection.ending) == (Ending.ABORT, None)
        assert [rules.keeps_out({"clientId": client}) for client in ("alice", "bob")] == [True, False]
    assert not rules.keeps_out({"clientId": "alice"})
    assert stage.shell.told == ["pump"]


async def test_who_is_cut_off_is_back_even_when_the_block_fails(stage: Stage) -> None:
    with pytest.raises(LookupError):
        async with stage.faults.unreachable(lambda _: True):
            raise LookupError
    assert not stage.bench.hub.faults.keeps_out({})


def test_a_token_is_asked_for_from_those_that_match(stage: Stage) -> None:
    token = create_jwt(KEY, stage.bench.now, 3_600_000, "*", None)
    alice, bob = (stage.bench.connect(access_token=token, clientId=client) for client in ("alice", "bob"))
    stage.faults.ask_for_token(lambda about: about["clientId"] == "alice")
    assert (alice.read(), bob.read()) == ([{"action": Action.AUTH}], [])
    stage.faults.ask_for_token()
    assert [peer.read() for peer in (alice, bob, stage.peer)] == [[{"action": Action.AUTH}]] * 2 + [[]]


def test_who_is_away_can_be_made_to_leave_now(stage: Stage) -> None:
    carol = stage.bench.connect(clientId="carol")
    for peer in (stage.peer, stage.other, carol):
        peer.enter()
    stage.peer.drop()
    stage.other.drop()
    stage.faults.lapse_presence(lambda member: member["clientId"] == "alice" and member["channel"] == "ai:wf")
    assert seen(carol.read())[-1] == (3, "alice", None)
    stage.faults.lapse_presence()
    assert seen(carol.read()) == [(3, "bob", None)]
    assert [member["clientId"] for member in stage.bench.hub.presence("ai:wf").members()] == ["carol"]


@pytest.mark.parametrize("name", ["ignore", "cut", "delay", "refuse"])
async def test_faults_on_operations_can_be_ordered_by_name(stage: Stage, name: str) -> None:
    await order(stage.faults, {"fault": name, "match": {"name": "n", "channel": "x"}, "code": 42913})
    assert serials_of(stage.peer.publish({"name": "n"}, channel="y"))
    assert not serials_of(stage.peer.publish({"name": "n"}, channel="x"))


@pytest.mark.parametrize("name", ["drop_connections", "disconnected", "connection_error"])
async def test_faults_on_connections_can_be_ordered_by_name(stage: Stage, name: str) -> None:
    await order(stage.faults, {"fault": name})
    assert stage.peer.connection.ending is not None


async def test_faults_on_channels_can_be_ordered_by_name(stage: Stage) -> None:
    serial = stage.peer.attach("x")[0]["channelSerial"]
    await order(stage.faults, {"fault": "channel_error", "channel": "x", "code": 90001})
    assert last(stage.peer) == (Action.ERROR, 90001)
    await order(stage.faults, {"fault": "lose_continuity", "channel": "x"})
    assert error_of(stage.peer.attach("x", channelSerial=serial)[0]) == (90003, 404)


async def test_resumes_to_refuse_can_be_ordered_by_name(stage: Stage) -> None:
    await order(stage.faults, {"fault": "refuse_resume", "n": 2})
    assert stage.bench.hub.faults.resumes_to_refuse == 2


@pytest.mark.parametrize(("name", "told"), [("unreachable", ["stop", "listen"]), ("silent", ["hold", "flow"])])
async def test_lasting_faults_end_by_themselves(stage: Stage, name: str, told: list[str]) -> None:
    await order(stage.faults, {"fault": name, "seconds": 0.001})
    assert stage.shell.told == told


async def test_one_client_can_be_cut_off_by_name(stage: Stage) -> None:
    cutting = asyncio.ensure_future(
        order(stage.faults, {"fault": "unreachable", "match": {"clientId": "alice"}, "seconds": 0.001})
    )
    await asyncio.sleep(0)
    assert (stage.peer.connection.ending, stage.other.connection.ending) == (Ending.ABORT, None)
    await cutting
    assert stage.shell.told == ["pump"]


@pytest.mark.parametrize("name", ["ask_for_token", "lapse_presence"])
async def test_what_goes_on_with_time_can_be_ordered_by_name(stage: Stage, name: str) -> None:
    alice = stage.bench.connect(access_token=create_jwt(KEY, stage.bench.now, 3_600_000, "alice", None))
    stage.other.enter()
    stage.other.drop()
    await order(stage.faults, {"fault": name, "match": {"clientId": "alice"}})
    assert alice.read() == ([{"action": Action.AUTH}] if name == "ask_for_token" else [])
    await order(stage.faults, {"fault": name, "match": {"clientId": "bob"}})
    present = [member["clientId"] for member in stage.bench.hub.presence("ai:wf").members()]
    assert present == ([] if name == "lapse_presence" else ["bob"])


@pytest.mark.parametrize("body", [{"fault": "earthquake"}, {}])
async def test_an_unknown_fault_is_an_error(stage: Stage, body: Wire) -> None:
    with pytest.raises(AblyError) as caught:
        await order(stage.faults, body)
    assert caught.value.code == 40000
