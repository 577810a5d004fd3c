"""The user's side of a publisher."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporal_ably._publisher.attempt import Attempt
from temporal_ably._publisher.outcome import Delivery, Outcome
from temporal_ably._publisher.publisher import Publisher
from temporal_ably._publisher.schedule import Rates
from tests.publisher.fake import WAIT_S, FakeAbly
from tests.publisher.model import PLAN, TEXT

if TYPE_CHECKING:
    from concurrent.futures import Future

    from temporal_ably._publisher.engine import Engine
    from temporal_ably._publisher.plan import Plan
    from temporal_ably._transport.base import Timeouts
    from temporal_ably._wire.events import StepReason
    from temporal_ably._wire.parts import Whole

WHOLE = Outcome(Delivery.DELIVERED)


class Writer:
    """The user's side of one attempt; a silent one opens without a part."""

    def __init__(self, publisher: Publisher, plan: Plan = PLAN, *, silent: bool = False) -> None:
        self.publisher = publisher
        self.attempt = Attempt(plan)
        publisher.post(lambda now: publisher.add_attempt(self.attempt, now))
        if silent:
            publisher.post(self.attempt.open)
        else:
            publisher.post(lambda now: self.attempt.open_part(1, 0, TEXT, now))

    def write(self, text: str) -> None:
        self.publisher.post_text(self.attempt, 1, text)

    def emit(self, part: Whole) -> None:
        self.publisher.post_part(self.attempt, 0, part)

    def finish(self, reason: StepReason = "complete", *, patient: bool = False) -> Future[Outcome]:
        return self.publisher.post_finish(self.attempt, reason, patient=patient)


def deliver(publisher: Publisher, *texts: str, plan: Plan = PLAN, patient: bool = False) -> Outcome:
    writer = Writer(publisher, plan)
    for text in texts:
        writer.write(text)
    return writer.finish(patient=patient).result(WAIT_S)


def publisher_with(engine: Engine, ably: FakeAbly, *, buffer_bytes: int, timeouts: Timeouts) -> Publisher:
    rates = Rates(channel_per_s=1e6, connection_per_s=1e6)
    return Publisher(engine, ably.connect, rates=rates, buffer_bytes=buffer_bytes, timeouts=timeouts)
