"""The package and Ably's own codec side by side, on generated messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from temporal_ably.codec import CODEC
from tests.codec import wire
from tests.codec.chunks import WHOLES, messages

if TYPE_CHECKING:
    from collections.abc import Iterable

    from temporal_ably.codec import Chunk
    from tests.codec.stock import StockCodec

JSON_HEADERS = ("messageMetadata", "providerMetadata")
# One process serves all examples, and keeps nothing between them.
with_node = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
wholes = st.lists(st.one_of(*WHOLES.values()), max_size=8)


def meant(message: wire.WireMessage) -> dict[str, Any]:
    # 1.0 and 1e-07 in Python are 1 and 1e-7 in JavaScript: the same numbers.
    shared = wire.shared(message)
    codec = {key: json.loads(text) if key in JSON_HEADERS else text for key, text in shared["codec"].items()}
    return {**shared, "codec": codec}


def without_starts(chunks: Iterable[Chunk]) -> list[Chunk]:
    # A stock reader puts some of its own before streams that come without.
    return [chunk for chunk in chunks if chunk["type"] not in ("start", "start-step")]


@with_node
@given(messages())
def test_both_write_the_same(stock_codec: StockCodec, chunks: list[Chunk]) -> None:
    assert [*map(meant, wire.write(chunks))] == [*map(meant, stock_codec.encode(chunks))]


@with_node
@given(wholes)
def test_stock_client_reads_the_wholes_that_we_write(stock_codec: StockCodec, chunks: list[Chunk]) -> None:
    assert stock_codec.decode(wire.write(chunks)) == wire.read(wire.write(chunks))


@with_node
@given(messages())
def test_stock_client_reads_the_messages_that_we_write(stock_codec: StockCodec, chunks: list[Chunk]) -> None:
    written = wire.write(chunks)
    assert without_starts(stock_codec.decode(written)) == without_starts(wire.read(written))


def test_table_has_all_that_the_transport_can_carry_and_the_models_can_send(stock_codec: StockCodec) -> None:
    types = stock_codec.types()
    sent = {"data-*" if "data-" in each else each for each in types["ai"]}
    assert set(CODEC.types) == set(types["transport"]) == sent
    assert len(sent) > 20, "the types of the packages were not found"
