from __future__ import annotations

from temporal_ably._temporal.reconciliation import ReconciledRun, Reconciliation, RunOutcome


def run(outcome: RunOutcome, **more: str) -> ReconciledRun:
    return ReconciledRun("ai:wf", f"run-{outcome}", "wf", "wf-run", outcome, **more)  # pyright: ignore[reportArgumentType]


def test_report_tells_of_each_run_in_a_line_and_of_all_in_the_last() -> None:
    runs = (
        run("ended", reason="complete"),
        run("ended", reason="error", why="its workflow is not known"),
        run("suspended"),
        run("running"),
        run("waiting"),
        run("recent"),
        run("gone"),
        run("unknown", why="its workflow is not known"),
        run("failed", why="unable to publish; not allowed"),
    )
    report = Reconciliation(runs, (("ai:x", "unable to read the history of ai:x"),), channels=3)
    assert str(report).splitlines() == [
        "ai:wf: run run-ended of workflow wf ended: complete",
        "ai:wf: run run-ended of workflow wf ended: error (its workflow is not known)",
        "ai:wf: run run-suspended of workflow wf suspended: it waits for a client",
        "ai:wf: run run-running of workflow wf goes on: its workflow has not closed",
        "ai:wf: run run-waiting of workflow wf waits for a client",
        "ai:wf: run run-recent of workflow wf left alone: it may still be written to",
        "ai:wf: run run-gone of workflow wf was ended meanwhile",
        "ai:wf: run run-unknown of workflow wf stays open: its workflow is not known",
        "ai:wf: run run-failed of workflow wf stays open: unable to publish; not allowed",
        "ai:x: unable to read the history of ai:x",
        "3 sessions, 9 open runs, 3 ended",
    ]


def test_dry_run_tells_what_would_be() -> None:
    report = Reconciliation((run("ended", reason="complete"), run("suspended")), channels=1, dry_run=True)
    assert str(report).splitlines() == [
        "ai:wf: run run-ended of workflow wf would be ended: complete",
        "ai:wf: run run-suspended of workflow wf would be suspended: it waits for a client",
        "1 session, 2 open runs, 2 would be ended",
    ]


def test_run_without_an_owner_is_told_without_one() -> None:
    report = Reconciliation((ReconciledRun("ai:wf", "run", "", "", "unknown", why="nobody knows"),), channels=1)
    assert str(report).splitlines()[0] == "ai:wf: run run of workflow ? stays open: nobody knows"


def test_it_is_complete_when_all_could_be_looked_at_and_ended() -> None:
    assert Reconciliation().complete
    assert Reconciliation((run("unknown"), run("ended", reason="error"))).complete
    assert not Reconciliation((run("failed"),)).complete
    assert not Reconciliation(unread=(("ai:wf", "why"),)).complete


def test_what_was_ended_or_suspended_is_listed() -> None:
    report = Reconciliation((run("running"), run("ended", reason="complete"), run("suspended")))
    assert [each.outcome for each in report.ended] == ["ended", "suspended"]
