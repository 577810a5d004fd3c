"""What is said of faults: each once, however often it shows.

A background failure goes one way: into the log. Activities go on.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from temporal_ably._transport.secrets import describe

if TYPE_CHECKING:
    from temporal_ably.errors import PublishError

logger = logging.getLogger("temporal_ably")


def report_unexpected(what: str, err: Exception) -> None:
    """Log what nobody foresaw, without secrets. ``what``: what could not be done."""
    logger.error("unable to %s; this is a fault of temporal-ably, please report it; %s", what, describe(err))


class Reports:
    """The memory of what was said.

    Args:
        retry_s: how often refused things are tried again, in seconds.
    """

    def __init__(self, retry_s: float) -> None:
        self._retry_s = retry_s
        self._away: set[int] = set()
        self._refused: set[tuple[str, int]] = set()
        self._deaf: set[int] = set()
        self._full = False

    def away(self, lane: int, err: PublishError) -> None:
        """Say that Ably is out of reach, once for all lanes until all are back."""
        first = not self._away
        self._away.add(lane)
        if not err.retryable:
            self.refused(err)
        elif first:
            logger.warning("%s; activities go on, their text is held and sent later", err)

    def back(self, lane: int) -> None:
        """Say that Ably takes messages again, once the last lane is back."""
        if lane in self._away:
            self.left(lane)
            if not self._away:
                logger.info("connected to Ably again; held text is being sent")

    def left(self, lane: int) -> None:
        """Forget a lane that is not used any more."""
        self._away.discard(lane)
        if not self._away:
            self.forget("")

    def full(self, attempts: int) -> None:
        """Say, once while Ably is away or refuses, that the output of the oldest ended activities is given up."""
        if not self._full:
            self._full = True
            logger.error(
                "unable to hold the output of more than %d ended activities; Ably has not taken it; what the oldest "
                "streamed is lost to viewers, their results are not",
                attempts,
            )

    def refused(self, err: PublishError) -> None:
        """Say that Ably refuses a channel, or the credentials, once until ``forget``."""
        if (err.channel, err.code) not in self._refused:
            self._refused.add((err.channel, err.code))
            logger.error("%s; activities go on; trying again every %.0f s", err, self._retry_s)

    def deaf(self, err: PublishError) -> None:
        """Say, once for all channels, that Ably does not let us listen."""
        if err.code not in self._deaf:
            self._deaf.add(err.code)
            logger.warning(
                "%s; activities go on, but what clients send meanwhile, as a cancel, is seen late or not", err
            )

    def forget(self, channel: str) -> None:
        """Forget what was said of a channel, that a new fault is told again."""
        self._full = False
        self._refused = {each for each in self._refused if each[0] != channel}
