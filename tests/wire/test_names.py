from __future__ import annotations

import pytest

from temporal_ably._wire.names import is_channel_name


@pytest.mark.parametrize("name", ["ai:chat-42", "chat", "a[b]", "50%25"])
def test_channel_name_is_taken(name: str) -> None:
    assert is_channel_name(name)


@pytest.mark.parametrize("name", ["", ":chat", "[meta]chat", "a,b", "a b", "a\nb", "a\x00b", "a\ud800"], ids=ascii)
def test_channel_name_that_ably_refuses_is_none(name: str) -> None:
    assert not is_channel_name(name)
