"""What a user says in a chat, as the page's stock client puts it on the channel."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.end_to_end.stage import new_name

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from temporal_ably.server import LocalServer


async def say(http: ClientSession, server: LocalServer | None, chat: str, text: str) -> dict[str, object]:
    """Publish a message of alice's; gives the body that her page would post."""
    assert server is not None
    event, session = new_name(), f"ai:chat-{chat}"
    message = {
        "name": "ai-input",
        "clientId": "alice",
        "data": text,
        "extras": {
            "ai": {
                "transport": {
                    "codec-message-id": f"m-{event}",
                    "event-id": event,
                    "role": "user",
                    "run-client-id": "alice",
                    "stream": "false",
                    "discrete": "true",
                },
                "codec": {"kind": "user-message", "messageId": f"m-{event}", "partType": "text"},
            }
        },
    }
    address = f"http://{server.endpoint}/channels/{quote(session, safe='')}/messages"
    headers = {"Authorization": f"Basic {b64encode(server.key.encode()).decode()}"}
    async with http.post(address, json=message, headers=headers) as response:
        assert response.status == 201, await response.text()
    return {"inputEventId": event, "sessionName": session}
