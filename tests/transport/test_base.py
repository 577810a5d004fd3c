from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from temporal_ably._transport.base import Credentials, Timeouts

KEY = "app.name:top-secret"
CREDENTIALS = Credentials(KEY, "127.0.0.1:1234", tls=False, client_id="worker")


@pytest.mark.parametrize("shown", [repr(CREDENTIALS), str(CREDENTIALS), f"{[CREDENTIALS]}"])
def test_secret_of_the_key_is_never_shown_but_its_name_is(shown: str) -> None:
    assert "top-secret" not in shown
    assert "key=app.name:***" in shown
    assert "127.0.0.1:1234" in shown


def test_equal_credentials_share_a_publisher() -> None:
    assert replace(CREDENTIALS) == CREDENTIALS
    assert len({CREDENTIALS, replace(CREDENTIALS), replace(CREDENTIALS, tls=True)}) == 2


def test_every_timeout_is_a_positive_number_of_seconds() -> None:
    assert all(seconds > 0 for seconds in asdict(Timeouts()).values())


def test_refused_things_are_tried_again_more_seldom_than_lost_ones() -> None:
    assert Timeouts().refused_pause_s > Timeouts().operation_s


async def give_token(params: dict[str, object]) -> object:
    raise NotImplementedError(params)


def test_credentials_with_another_callback_have_a_publisher_of_their_own() -> None:
    with_callback = replace(CREDENTIALS, key="", auth_callback=give_token)
    assert with_callback == replace(with_callback)
    assert with_callback != replace(CREDENTIALS, key="")


def test_callback_is_not_shown() -> None:
    assert "give_token" not in repr(replace(CREDENTIALS, auth_callback=give_token))
