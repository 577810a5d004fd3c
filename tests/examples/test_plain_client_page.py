"""The plain client's page, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.examples.channel import player_on
from tests.examples.plain_client import CALL, Writer, retried

if TYPE_CHECKING:
    from pathlib import Path

    from temporal_ably.server import LocalServer
    from tests.examples.plain_client import PlainClient

CHANNEL = "ai:plain"
PHONE = 360


def address(page_address: str, server: LocalServer, auth: str) -> str:
    return f"{page_address}#{urlencode({'channel': CHANNEL, 'endpoint': server.endpoint, 'auth': auth})}"


async def test_the_page_shows_a_session_as_it_grows(
    plain: PlainClient, chromium: str, page_address: str, local_server: LocalServer
) -> None:
    messages = retried().messages
    url = address(page_address, local_server, local_server.token("alice"))
    page = await plain.open_page(url, executable=chromium)
    await page.wait_for_text("Nothing was streamed here yet.")
    async with player_on(local_server, CHANNEL) as player:
        await player.play(messages[:7])
        await page.wait_for_text("Let me gue")
        assert await page.read("document.querySelector('del')") is None
        await player.play(messages[7:])
    await page.wait_for_text("complete")
    assert await page.read("[...document.querySelectorAll('article h3')].map(e => e.innerText)") == [
        "Researcher",
        "Chat",
    ]
    assert await page.read("[...document.querySelectorAll('article .text')].map(e => e.innerText)") == [
        "I found it.",
        "3 °C, 🌧.",
    ]
    assert await page.read("document.querySelector('article .tool').innerText.replace(/\\s+/g, ' ')") == (
        'getWeather done input { "city": "Oslo" } output { "temp": 3 }'
    )
    assert await page.read("document.querySelector('del').textContent") == "Let me gue"
    assert await page.complaints() == []


async def test_a_page_that_is_loaded_late_shows_the_same_and_keeps_open_what_its_reader_opened(
    plain: PlainClient, chromium: str, page_address: str, local_server: LocalServer
) -> None:
    messages = retried().messages
    async with player_on(local_server, CHANNEL) as player:
        await player.play(messages[:-1])
        page = await plain.open_page(address(page_address, local_server, local_server.key), executable=chromium)
        await page.wait_for_text("3 °C, 🌧.")
        await page.read("document.querySelector('summary').click()")
        await player.play(messages[-1:])
    await page.wait_for_text("complete")
    assert await page.read("document.querySelector('details').open")
    assert await page.complaints() == []


async def test_what_an_agent_says_is_text_and_never_runs(
    plain: PlainClient, chromium: str, page_address: str, local_server: LocalServer
) -> None:
    writer = Writer()
    attempt = writer.attempt(agent="<img src=x onerror=alert(1)>")
    attempt.stream("text", "<script>alert(1)</script>", id="0")
    attempt.part("source-url", "javascript:alert(1)", sourceId="s", title="click me")
    attempt.part("data-html", {"x": "<b>bold</b>"})
    attempt.part("tool-input-error", {"errorText": "<i>no</i>"}, **CALL)
    async with player_on(local_server, CHANNEL) as player:
        await player.play(writer.messages)
    page = await plain.open_page(address(page_address, local_server, local_server.key), executable=chromium)
    await page.wait_for_text("<script>alert(1)</script>")
    assert await page.read("document.querySelectorAll('main img, main script, main a, main b, main i').length") == 0
    assert await page.complaints() == []


async def test_a_refused_key_is_told(
    plain: PlainClient, chromium: str, page_address: str, local_server: LocalServer
) -> None:
    page = await plain.open_page(address(page_address, local_server, "local.dev:wrong"), executable=chromium)
    await page.wait_for_text("Unable to watch ai:plain")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1000), ("dark", 1000), ("light", PHONE), ("dark", PHONE)])
async def test_the_page_fits_its_window_and_its_words_can_be_read(
    plain: PlainClient,
    chromium: str,
    page_address: str,
    local_server: LocalServer,
    tmp_path: Path,
    scheme: str,
    width: int,
) -> None:
    async with player_on(local_server, CHANNEL) as player:
        await player.play(retried().messages)
    url = address(page_address, local_server, local_server.key)
    page = await plain.open_page(url, executable=chromium, scheme=scheme, width=width)
    await page.wait_for_text("complete")
    await page.read("document.querySelector('summary').click()")
    await page.picture(tmp_path / f"plain-client-{scheme}-{width}.png")
    assert await page.read("document.documentElement.scrollWidth") <= width
    assert await page.read(_FAINTEST) >= 4.5
    # Each field has its label, each landmark and button its name.
    assert await page.read("[...document.querySelectorAll('input')].every(e => e.labels.length === 1)")
    assert await page.read("document.querySelector('[role=status]').innerText") == f"Watching {CHANNEL}"


# The lowest contrast of any text with what is behind it, as WCAG 2 counts it.
_FAINTEST = """(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) =>
    [r, g, b]
      .map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
      .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = rgb(getComputedStyle(each).backgroundColor);
      if (color[3]) return color;
    }
    return rgb('white');
  };
  const said = [...document.querySelectorAll('body *')].filter((element) =>
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()));
  return Math.min(...said.map((element) => {
    const [one, other] = [light(rgb(getComputedStyle(element).color)), light(behind(element))].sort((a, b) => b - a);
    return (one + 0.05) / (other + 0.05);
  }));
})()"""
