"""Recordings, generated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from tests.session.recording import Recording

if TYPE_CHECKING:
    from temporal_ably._wire.parts import Json

CALL: dict[str, Json] = {"toolCallId": "c1", "toolName": "getWeather"}

_OPERATION = st.tuples(
    st.integers(0, 5),
    st.sampled_from(["open", "append", "lose", "update", "close", "call", "output", "data", "end"]),
    st.text(max_size=3),
)


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    """Draw what up to six attempts of two steps do, interleaved in any way, sensible or not."""
    channel = Recording()
    channel.open_run()
    attempts = [
        channel.attempt(f":0:{place % 2}", number=place + 1, started_us=draw(st.integers(1, 3)))
        for place in range(draw(st.integers(1, 6)))
    ]
    texts = [attempt.text() for attempt in attempts]
    for place, operation, chunk in draw(st.lists(_OPERATION, max_size=12)):
        attempt, text = attempts[place % len(attempts)], texts[place % len(texts)]
        if operation == "open":
            texts[place % len(texts)] = attempt.text(part_id=chunk)
        elif operation == "append":
            text.append(chunk)
        elif operation == "lose":
            text.lose(chunk)
        elif operation == "update":
            channel.update(text.serial, chunk)
        elif operation == "close":
            text.close()
        elif operation == "call":
            attempt.write({"type": "tool-input-available", **CALL, "input": {"text": chunk}}, message=1)
        elif operation == "output":
            attempt.write({"type": "tool-output-available", "toolCallId": "c1", "output": chunk}, message=2)
        elif operation == "data":
            attempt.write({"type": "data-x", "id": "d", "data": [chunk]})
        else:
            attempt.end()
    return channel
