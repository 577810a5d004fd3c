from __future__ import annotations

import asyncio
import contextvars
import logging

import pytest

from temporal_ably import SettingsError, durable_session
from temporal_ably._temporal.durable_session import take_wish
from temporal_ably._wire.identity import Header


def test_block_tells_who_asks_what() -> None:
    with durable_session("ai:chat-42", input_event_id="e1", client_id="alice"):
        assert take_wish() == Header("ai:chat-42", input="e1", client_id="alice")
    assert take_wish() is None


def test_inner_block_holds_until_it_is_left() -> None:
    with durable_session("ai:outer"):
        assert take_wish() == Header("ai:outer")
        with durable_session("ai:inner"):
            assert take_wish() == Header("ai:inner")
        assert take_wish() == Header("ai:outer")


async def test_blocks_of_other_tasks_are_their_own() -> None:
    inside, over = asyncio.Event(), asyncio.Event()

    async def elsewhere() -> None:
        with durable_session("ai:elsewhere"):
            take_wish()
            inside.set()
            await over.wait()

    task = asyncio.create_task(elsewhere())
    await inside.wait()
    assert take_wish() is None
    over.set()
    await task


@pytest.mark.parametrize("session", ["", ":chat", "[meta]chat", "two words", "a,b"])
def test_session_that_ably_would_refuse_is_refused_by_name(session: str) -> None:
    with pytest.raises(SettingsError, match="argument session"), durable_session(session):
        pytest.fail("it was entered")


def test_block_that_bound_nothing_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "temporal_ably"), durable_session("ai:chat-42"):
        pass
    assert "unable to bind anything to session ai:chat-42" in caplog.text
    assert "Client.connect" in caplog.text


def test_error_in_the_block_is_not_talked_over(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match="no"), durable_session("ai:chat-42"):
        raise ValueError("no")
    assert caplog.text == ""


def test_block_that_is_left_elsewhere_than_it_was_entered_fails_nothing() -> None:
    block = durable_session("ai:chat-42")
    contextvars.copy_context().run(block.__enter__)
    assert not block.__exit__(None, None, None)
    assert take_wish() is None
