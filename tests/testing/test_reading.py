from __future__ import annotations

import pytest

from temporal_ably.testing.reading import UnknownChannelError, check_known, fold, read


def of_run(serial: str, event: str) -> dict[str, object]:
    headers = {"temporal-v": "1", "temporal-event": event, "temporal-session-run": "R"}
    return {"serial": serial, "extras": {"headers": headers}}


def test_what_is_no_message_of_a_session_is_left_out():
    found = read([{"serial": "0", "name": "chat", "data": "hello"}, of_run("1", "run-start"), None], "ai:wf")
    assert [(each.serial, each.channel) for each in found] == [("1", "ai:wf")]


def test_envelopes_fold_into_a_session():
    session = fold(read([of_run("1", "run-start"), of_run("2", "run-end")], "ai:wf"))
    assert [(run.id, run.ended != "") for run in session.runs] == [("R", True)]


@pytest.mark.parametrize(
    ("known", "there_is"), [([], "there is no channel yet"), (["ai:a", "ai:b"], "there is ai:a, ai:b")]
)
def test_an_unknown_channel_is_one_error_that_names_the_known_ones(known: list[str], there_is: str):
    with pytest.raises(UnknownChannelError) as caught:
        check_known("ai:typo", known)
    assert str(caught.value) == f"unable to find channel ai:typo; nothing was published to it; {there_is}"


def test_a_known_channel_passes():
    check_known("ai:a", ["ai:a"])
