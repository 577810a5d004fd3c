from __future__ import annotations

import logging

import pytest

from temporal_ably._publisher.reports import Reports, report_unexpected
from temporal_ably._transport.secrets import REDACTION
from temporal_ably.errors import ChannelRuleError, ConnectionLostError, PublishError

AWAY = ConnectionLostError("unable to connect to Ably; nobody answers; trying again")
BAD_KEY = PublishError("unable to connect to Ably; bad key; check ABLY_API_KEY", code=40101, retryable=False)
NO_RULE = ChannelRuleError("unable to stream; no rule; enable it", code=93002, retryable=False, channel="c")


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def test_absence_is_told_once_for_all_lanes_and_the_return_once(log: pytest.LogCaptureFixture) -> None:
    reports = Reports(60)
    reports.away(0, AWAY)
    reports.away(0, AWAY)
    reports.away(1, AWAY)
    reports.back(0)
    reports.back(1)
    assert [(record.levelname, record.getMessage()) for record in log.records] == [
        ("WARNING", f"{AWAY}; activities go on, their text is held and sent later"),
        ("INFO", "connected to Ably again; held text is being sent"),
    ]


def test_second_absence_is_told_again(log: pytest.LogCaptureFixture) -> None:
    reports = Reports(60)
    for _ in range(2):
        reports.away(0, AWAY)
        reports.back(0)
    assert [record.levelname for record in log.records] == ["WARNING", "INFO"] * 2


def test_return_of_a_lane_that_was_never_away_is_no_news(log: pytest.LogCaptureFixture) -> None:
    Reports(60).back(0)
    assert log.messages == []


def test_lane_that_is_given_up_keeps_no_return_waiting(log: pytest.LogCaptureFixture) -> None:
    reports = Reports(60)
    reports.away(0, AWAY)
    reports.away(1, AWAY)
    reports.left(1)
    reports.back(0)
    assert log.messages[-1] == "connected to Ably again; held text is being sent"


def test_refused_credentials_are_an_error_that_is_told_once(log: pytest.LogCaptureFixture) -> None:
    reports = Reports(45)
    reports.away(0, BAD_KEY)
    reports.away(0, BAD_KEY)
    assert [(record.levelname, record.getMessage()) for record in log.records] == [
        ("ERROR", f"{BAD_KEY}; activities go on; trying again every 45 s")
    ]


def test_refused_channel_is_told_once_until_it_is_forgotten(log: pytest.LogCaptureFixture) -> None:
    reports = Reports(60)
    reports.refused(NO_RULE)
    reports.refused(NO_RULE)
    assert len(log.messages) == 1
    reports.forget("other")
    reports.refused(NO_RULE)
    assert len(log.messages) == 1
    reports.forget("c")
    reports.refused(NO_RULE)
    assert len(log.messages) == 2


def test_return_of_the_connection_does_not_forget_a_refused_channel(log: pytest.LogCaptureFixture) -> None:
    reports = Reports(60)
    reports.refused(NO_RULE)
    reports.away(0, AWAY)
    reports.back(0)
    reports.refused(NO_RULE)
    assert [record.levelname for record in log.records] == ["ERROR", "WARNING", "INFO"]


def test_unforeseen_error_is_told_with_its_traceback_and_without_secrets(
    log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(REDACTION, "_secrets", set[str]())
    REDACTION.register("app.key:hush-hush")
    try:
        raise ValueError("it was hush-hush")
    except ValueError as err:
        report_unexpected("do it", err)
    [message] = log.messages
    assert message.startswith("unable to do it; this is a fault of temporal-ably, please report it; Traceback")
    assert message.rstrip().endswith("ValueError: it was [secret]")


def test_missing_capability_to_listen_is_told_once_for_all_channels(log: pytest.LogCaptureFixture) -> None:
    reports = Reports(60)
    for channel in ("a", "b"):
        reports.deaf(PublishError("unable to listen; no; give it", code=40160, channel=channel))
    reports.deaf(PublishError("unable to listen; too many; trying again", code=90010))
    assert [record.levelname for record in log.records] == ["WARNING"] * 2
