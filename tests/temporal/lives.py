"""A workflow that does what it is told to. A file of its own: the sandbox loads it for each workflow."""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError


@activity.defn
async def step() -> None:
    """Be a point that a workflow can be reset to."""


@workflow.defn
class Life:
    def __init__(self) -> None:
        self._word = ""
        self._began = False

    @workflow.run
    async def run(self) -> str:
        await workflow.execute_activity(step, start_to_close_timeout=timedelta(seconds=60))
        self._began = True
        info = workflow.info()
        while True:
            await workflow.wait_condition(lambda: self._word != "")
            word, self._word = self._word, ""
            if word == "continue":
                workflow.continue_as_new()
            # A reset repeats the signals that came after it.
            if word == "fail" or (word == "fail unless reset" and info.run_id == info.original_execution_run_id):
                raise ApplicationError("it was told to fail")
            if word == "return":
                return word

    @workflow.signal
    def tell(self, word: str) -> None:
        self._word = word

    @workflow.update
    async def began(self) -> None:
        """Wait until the step is behind it."""
        await workflow.wait_condition(lambda: self._began)

    @workflow.update(unfinished_policy=workflow.HandlerUnfinishedPolicy.ABANDON)
    async def chat(self, ending: str) -> str:
        """A turn, which ends as it is told to: at once, in error, or with the workflow."""
        if ending == "fail":
            raise ApplicationError("it was told to fail")
        await workflow.wait_condition(lambda: ending == "return")
        return ending


WORKFLOWS = [Life]
ACTIVITIES = [step]
