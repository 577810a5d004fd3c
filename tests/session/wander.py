"""Conversations at random: the same ones for the same seed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.session.talk import Asked, Talk, call, output, text

if TYPE_CHECKING:
    from tests.end_to_end.node_process import Json


class Wanderer:
    """Does what users and agents do, one turn at a time.

    Args:
        talk: where.
        seed: what to do.
    """

    def __init__(self, talk: Talk, seed: int) -> None:
        self._talk = talk
        self._random = random.Random(seed)  # noqa: S311 - a test
        self._suspended: dict[str, str] = {}

    async def turn(self) -> None:
        """Have a user ask, in one way or another, and an agent answer, in one way or another."""
        if self._talk.chosen and self._random.random() < 0.2:
            await self._select()
        asked = await self._ask()
        await self._random.choice(self._answers)(self, asked)

    async def _select(self) -> None:
        """Go to another branch, if there is one where the user looks."""
        message = self._random.choice(self._talk.chosen)
        siblings = self._talk.session.siblings(message["codecMessageId"])
        await self._talk.select(message["codecMessageId"], self._random.randrange(max(1, len(siblings))))
        await self._talk.agree()

    async def _ask(self) -> Asked:
        prompts = {each.id for each in self._talk.session.inputs if each.kind == "message" and not each.run}
        said = [each["codecMessageId"] for each in self._shown("user") if each["codecMessageId"] in prompts]
        # The first message cannot be asked for again where nothing precedes it.
        answered = [each["codecMessageId"] for each in self._talk.chosen[1:] if each["message"]["role"] == "assistant"]
        dice = self._random.random()
        if dice < 0.25 and said:
            return await self._talk.edit(self._random.choice(said), *self._words())
        if dice < 0.5 and answered:
            return await self._talk.regenerate(self._random.choice(answered[-4:]))
        return await self._talk.say(*self._words())

    def _shown(self, role: str) -> list[Json]:
        return [each for each in self._talk.chosen if each["message"]["role"] == role]

    def _words(self) -> list[str | Json]:
        image = {"type": "file", "url": "https://example.com/a.png", "mediaType": "image/png"}
        mode = {"type": "data-mode", "data": {"n": self._random.randrange(9)}}
        rest: list[str | Json] = self._random.sample([image, mode, "more"], self._random.randrange(3))
        return [self._talk.name("words"), *rest]

    # How an agent answers.

    async def _plainly(self, asked: Asked) -> None:
        run = await self._talk.start(asked)
        for _ in range(self._random.randrange(4)):
            await self._talk.pipe(run, *text(self._talk.name("answer")))
        await self._talk.end(run)

    async def _at_last(self, asked: Asked) -> None:
        run = await self._talk.start(asked)
        await self._talk.attempt(run, *text(self._talk.name("right")), failing=text("wrong"))
        await self._talk.pipe(run, *text(self._talk.name("more")))
        await self._talk.end(run)

    async def _with_a_tool(self, asked: Asked) -> None:
        run = await self._talk.start(asked)
        await self._talk.pipe(run, *text("looking"), *call(run), output(run, {"n": 1}))
        await self._talk.pipe(run, *text(self._talk.name("found")))
        await self._talk.end(run)

    async def _while_more_is_said(self, asked: Asked) -> None:
        run = await self._talk.start(asked)
        if not self._is_fresh(asked):
            await self._talk.end(run)
            return
        await self._talk.pipe(run, *text("begun"))
        await self._talk.steer(asked, *self._words())
        if self._random.random() < 0.5:
            await self._talk.pipe(run, *text("going on"))
        await self._talk.prompt(asked, run)
        if self._random.random() < 0.7:
            await self._talk.heed(run)
            await self._talk.pipe(run, *text("heeded"))
        await self._talk.prompt(asked, run)
        await self._talk.end(run)

    def _is_fresh(self, asked: Asked) -> bool:
        return any(each.event_id == asked.event_id and not each.run for each in self._talk.session.inputs)

    async def _not_to_the_end(self, asked: Asked) -> None:
        run = await self._talk.start(asked)
        await self._talk.pipe(run, *text("half"))
        how = self._random.choice(["cancelled", "error", "active"])
        if how == "cancelled":
            await self._talk.cancel(asked, run)
        elif how == "error":
            await self._talk.end(run, "error")

    async def _by_asking_back(self, asked: Asked) -> None:
        run = await self._talk.start(asked)
        ask = self._random.random() < 0.5
        await self._talk.pipe(run, *text("let me see"), *call(run, ask=ask))
        await self._talk.suspend(run)
        await self._talk.agree()
        target = self._message_of(run)
        dice = self._random.random()
        if ask and dice < 0.8:
            approved = dice < 0.5
            run = await self._talk.start(await self._talk.approve(target, run, approved=approved))
            await self._talk.pipe(run, *([output(run, "done")] if approved else []), *text("after all"))
            await self._talk.end(run)
        elif dice < 0.4:
            outcome = {"output": dice} if dice < 0.3 else {"error": "no"}
            run = await self._talk.start(await self._talk.give(target, run, **outcome))
            await self._talk.pipe(run, *text("after all"))
            await self._talk.end(run)
        elif dice < 0.8:
            for _ in range(self._random.randrange(1, 3)):
                forked = await self._talk.start(await self._talk.fork(run, {"n": dice}))
                await self._talk.pipe(forked, *text(self._talk.name("forked")))
                await self._talk.end(forked)

    def _message_of(self, run_id: str) -> str:
        run = next(each for each in self._talk.session.runs if each.id == run_id)
        return run.messages[-1].id

    _answers = (_plainly, _plainly, _at_last, _with_a_tool, _while_more_is_said, _not_to_the_end, _by_asking_back)
