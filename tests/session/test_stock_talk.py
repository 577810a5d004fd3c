"""Sessions of the stock client and agent: what each of them has before it is what we make of the same channel."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.node_process import NodeProcess
from tests.session.talk import Talk, call, output, text
from tests.session.wander import Wanderer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from temporal_ably.server import LocalServer

SCRIPT = Path(__file__).parent.parent / "end_to_end" / "js" / "talk.mjs"


@pytest.fixture(scope="module")
def node() -> Generator[NodeProcess]:
    process = NodeProcess(shutil.which("node", path=sysconfig.get_path("scripts")) or "node", SCRIPT)
    yield process
    process.stop()


@pytest.fixture
async def talk(node: NodeProcess, local_server: LocalServer) -> AsyncGenerator[Talk]:
    opened = Talk(node, local_server, "ai:talk")
    await opened.open()
    yield opened
    await opened.agree_late()
    await opened.close()


async def turn(talk: Talk, question: str, *answers: str) -> str:
    """Ask and answer; give the run."""
    run = await talk.start(await talk.say(question))
    for answer in answers:
        await talk.pipe(run, *text(answer))
    await talk.end(run)
    return run


def assistant(talk: Talk, place: int = -1) -> str:
    """Give the id of one of the agent's messages that are shown."""
    return [message.id for message in talk.session.messages if message.role == "assistant"][place]


def user(talk: Talk, place: int = -1) -> str:
    return [message.id for message in talk.session.messages if message.role == "user"][place]


async def test_turns_of_several_parts_and_messages(talk: Talk) -> None:
    await turn(talk, "Hello", "Hi.", "What is it?")
    image = {"type": "file", "url": "data:image/png;base64,AA==", "mediaType": "image/png"}
    mode = {"type": "data-mode", "id": "d", "data": {"mode": "team"}}
    run = await talk.start(await talk.say("Look", image, mode, "closely"))
    await talk.pipe(run, *text("I see."))
    assert await talk.agree() == ["Hello", "Hi. ", "What is it? ", "Lookclosely", "I see. "]
    await talk.end(run)
    await talk.agree()


async def test_edits_and_what_was_there_before(talk: Talk) -> None:
    await turn(talk, "first", "one")
    await turn(talk, "second", "two")
    await talk.agree()
    run = await talk.start(await talk.edit(user(talk), "second, better"))
    await talk.pipe(run, *text("two, better"))
    await talk.end(run)
    assert await talk.agree() == ["first", "one ", "second, better", "two, better "]
    await talk.select(user(talk), 0)
    await turn(talk, "third", "three")
    assert await talk.agree() == ["first", "one ", "second, better", "two, better "]
    assert [message["message"]["role"] for message in talk.chosen] == ["user", "assistant"] * 3
    run = await talk.start(await talk.edit(user(talk, 0), "first, better"))
    assert await talk.agree() == ["first, better"]


async def test_an_answer_again_as_a_whole_and_in_part(talk: Talk) -> None:
    await turn(talk, "question", "one", "two", "three")
    await talk.agree()
    run = await talk.start(await talk.regenerate(assistant(talk, 1)))
    await talk.pipe(run, *text("two again"))
    await talk.end(run)
    assert await talk.agree() == ["question", "one ", "two again "]
    await turn(talk, "and then", "four")
    await talk.agree()
    await talk.select(assistant(talk, 1), 0)
    await talk.agree()
    run = await talk.start(await talk.regenerate(assistant(talk, 0)))
    await talk.pipe(run, *text("all again"))
    assert await talk.agree() == ["question", "all again "]


async def test_what_is_said_meanwhile(talk: Talk) -> None:
    await turn(talk, "first", "one")
    asked = await talk.say("second")
    run = await talk.start(asked)
    assert await talk.heed(run)
    await talk.pipe(run, *text("begun"))
    await talk.steer(asked, "be brief")
    await talk.steer(asked, "and kind")
    await talk.pipe(run, *text("going on"))
    assert await talk.prompt(asked, run) == ["first", "one ", "second", "begun ", "going on ", "be brief", "and kind"]
    assert await talk.heed(run)
    await talk.pipe(run, *text("done"))
    assert not await talk.heed(run)
    assert (await talk.prompt(asked, run))[2:] == ["second", "begun ", "be brief", "and kind", "going on ", "done "]
    await talk.end(run)
    await talk.agree()


async def test_a_step_that_is_tried_again(talk: Talk) -> None:
    asked = await talk.say("question")
    run = await talk.start(asked)
    await talk.attempt(run, *text("right"), failing=text("wrong"))
    assert await talk.agree() == ["question", "right "]
    assert await talk.prompt(asked, run) == ["question", "right "]
    await talk.end(run)


@pytest.mark.parametrize("approved", [True, False])
async def test_an_approval(talk: Talk, approved: bool) -> None:  # noqa: FBT001
    run = await talk.start(await talk.say("What time is it?"))
    await talk.pipe(run, *text("Let me look."), *call(run, ask=True))
    await talk.suspend(run)
    await talk.agree()
    assert talk.session.runs[0].waits_for_client
    asked = await talk.approve(assistant(talk), run, approved=approved)
    await talk.agree()
    assert await talk.start(asked) == run
    await talk.pipe(run, *([output(run, "noon")] if approved else []), *text("Here you are."))
    await talk.end(run)
    assert await talk.agree() == ["What time is it?", "Let me look. ", "Here you are. "]


@pytest.mark.parametrize("outcome", [{"output": {"time": "noon"}}, {"output": None}, {"error": "no clock"}])
async def test_a_result_with_which_the_run_goes_on(talk: Talk, outcome: dict[str, object]) -> None:
    run = await talk.start(await talk.say("What time is it?"))
    await talk.pipe(run, *call(run))
    await talk.suspend(run)
    asked = await talk.give(assistant(talk), run, **outcome)
    await talk.agree()
    assert await talk.start(asked) == run
    await talk.pipe(run, *text("Here you are."))
    await talk.end(run)
    assert await talk.agree() == ["What time is it?", "", "Here you are. "]


async def test_results_that_make_runs_of_their_own(talk: Talk) -> None:
    await turn(talk, "first", "one")
    asked = await talk.say("What time is it?")
    run = await talk.start(asked)
    await talk.pipe(run, *text("Let me look."))
    await talk.steer(asked, "quickly")
    await talk.pipe(run, {"type": "message-metadata", "messageMetadata": {"a": 1}}, *call(run))
    await talk.suspend(run)
    await talk.agree()
    first = await talk.fork(run, {"time": "noon"})
    second = await talk.fork(run, {"time": "midnight"})
    await talk.agree()
    answers = [await talk.start(each) for each in (first, second)]
    for answer, words in zip(answers, ("noon", "midnight"), strict=True):
        await talk.pipe(answer, *text(words))
        await talk.end(answer)
    assert (await talk.agree())[-1] == "midnight "
    assert (await talk.prompt(first, answers[0]))[-1] == "noon "
    await turn(talk, "and then", "later")
    await talk.agree()


async def test_results_one_after_the_other(talk: Talk) -> None:
    run = await talk.start(await talk.say("What time is it?"))
    await talk.pipe(run, *call(run))
    await talk.suspend(run)
    asked = await talk.fork(run, 1)
    await talk.agree()
    second = await talk.start(asked)
    await talk.pipe(second, *call(second))
    await talk.suspend(second)
    await talk.agree()
    third = await talk.start(await talk.fork(second, 2))
    await talk.pipe(third, *text("Both are done."))
    await talk.end(third)
    assert await talk.agree() == ["What time is it?", "", "", "Both are done. "]


@pytest.mark.parametrize("reason", ["cancelled", "error", ""])
async def test_what_was_not_completed(talk: Talk, reason: str) -> None:
    await turn(talk, "first", "one")
    asked = await talk.say("second")
    run = await talk.start(asked)
    await talk.pipe(run, *text("half a"))
    if reason == "cancelled":
        await talk.cancel(asked, run)
    elif reason:
        await talk.end(run, reason)
    assert await talk.agree() == ["first", "one ", "second", "half a "]
    await talk.start(await talk.say("third"))
    await talk.agree()


@pytest.mark.parametrize(("seed", "turns"), [(0, 50), *((seed, 6) for seed in range(1, 7))])
async def test_any_conversation(talk: Talk, seed: int, turns: int) -> None:
    wanderer = Wanderer(talk, seed)
    for _ in range(turns):
        await wanderer.turn()
        await talk.agree()
