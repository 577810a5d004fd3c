from __future__ import annotations

import asyncio
import base64
import io
import logging
import threading
import urllib.parse
from typing import TYPE_CHECKING, cast

import pytest

from temporal_ably._transport import secrets
from temporal_ably._transport.secrets import ENGINE_THREAD, Redaction, describe, guard, report_loop_error

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

SECRET = "hush-hush+now"  # noqa: S105 - a test's secret
KEY = f"app.name:{SECRET}"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"  # noqa: S105 - signs nothing
FORMS = {
    "key": KEY,
    "in a URL": urllib.parse.quote(KEY, safe=""),
    "basic authentication": base64.b64encode(KEY.encode()).decode(),
    "secret alone": SECRET,
    "a token": TOKEN,
    "a token in base64": base64.b64encode(TOKEN.encode()).decode(),
}


@pytest.fixture
def redaction(monkeypatch: pytest.MonkeyPatch) -> Redaction:
    """A fresh filter in the place of the process's own."""
    fresh = Redaction()
    monkeypatch.setattr(secrets, "REDACTION", fresh)
    fresh.register(KEY)
    return fresh


@pytest.fixture
def sdk(redaction: Redaction) -> Iterator[logging.Logger]:
    """The SDK's logger, as before anybody touched it."""
    loggers = [logging.getLogger(name) for name in ("ably", "ably.realtime.somewhere", "websockets.client")]
    before = [(logger, logger.level, list(logger.filters)) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.NOTSET)
    yield loggers[0]
    for logger, level, filters in before:
        logger.setLevel(level)
        logger.filters[:] = filters


def record(message: str, *args: object, name: str = "ably", exc: BaseException | None = None) -> logging.LogRecord:
    info = (type(exc), exc, exc.__traceback__) if exc is not None else None
    return logging.LogRecord(name, logging.INFO, __file__, 1, message, args, info)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_secret_is_blotted_out_in_each_form_in_which_it_travels(redaction: Redaction, form: str) -> None:
    assert redaction.text(f"before {form} after") == "before [secret] after"


def test_text_without_a_secret_is_unchanged(redaction: Redaction) -> None:
    assert (
        redaction.text("app.name connects to main.realtime.ably.net") == "app.name connects to main.realtime.ably.net"
    )


def test_key_without_a_secret_does_not_blot_out_everything() -> None:
    redaction = Redaction()
    redaction.register("app.name:")
    assert redaction.text("plain text") == "plain text"


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_record_shows_no_secret_in_its_text_arguments_or_exception(redaction: Redaction, form: str) -> None:
    entry = record("opening %s", form, exc=ValueError(form))
    assert redaction.filter(entry)
    shown = logging.Formatter("%(message)s").format(entry)
    assert form not in shown
    assert shown.startswith("opening [secret]\nValueError: [secret]")


def test_record_without_a_secret_keeps_its_arguments(redaction: Redaction) -> None:
    entry = record("opening %s", "a door")
    assert redaction.filter(entry)
    assert entry.args == ("a door",)


def test_exception_is_described_with_its_traceback_and_without_secrets(redaction: Redaction) -> None:
    try:
        raise ValueError(KEY)
    except ValueError as err:
        shown = describe(err)
    assert shown.startswith("Traceback")
    assert shown.endswith("ValueError: [secret]\n")


def test_guard_covers_the_loggers_of_all_libraries_that_carry_the_key(sdk: logging.Logger) -> None:
    guard(KEY)
    for name in ("ably", "ably.realtime.somewhere", "websockets.client", "hpack.hpack", "hpack.table"):
        assert secrets.REDACTION in logging.getLogger(name).filters, name
    assert secrets.REDACTION not in logging.getLogger("temporal_ably").filters


def test_guard_again_adds_nothing_twice_but_covers_new_loggers(sdk: logging.Logger) -> None:
    guard(KEY)
    late = logging.getLogger("ably.made.later")
    late.filters.clear()
    guard(KEY)
    assert late.filters == [secrets.REDACTION]
    assert sdk.filters.count(secrets.REDACTION) == 1


def test_guard_quietens_the_sdk(sdk: logging.Logger) -> None:
    guard(KEY)
    assert sdk.level == logging.WARNING


def test_guard_leaves_a_level_that_the_user_chose(sdk: logging.Logger, redaction: Redaction) -> None:
    sdk.setLevel(logging.DEBUG)
    guard(KEY)
    assert sdk.level == logging.DEBUG
    assert not redaction.quiet


def test_sdk_is_silent_on_our_own_thread_and_heard_on_others(sdk: logging.Logger) -> None:
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    sdk.addHandler(handler)
    guard(KEY)
    try:
        for name in (ENGINE_THREAD, "the user's"):
            thread = threading.Thread(target=sdk.warning, args=("from %s thread", name), name=name)
            thread.start()
            thread.join()
    finally:
        sdk.removeHandler(handler)
    assert heard.getvalue() == "from the user's thread\n"


def test_other_libraries_are_heard_on_our_own_thread(redaction: Redaction) -> None:
    redaction.quiet = True
    entry = record("retrying", name="httpx")
    entry.threadName = ENGINE_THREAD
    assert redaction.filter(entry)


async def test_fault_on_the_engines_loop_is_told_without_secrets(
    redaction: Redaction, caplog: pytest.LogCaptureFixture
) -> None:
    report_loop_error(asyncio.get_running_loop(), {"message": f"lost {KEY}", "exception": ValueError(KEY)})
    [entry] = caplog.records
    assert entry.levelname == "ERROR"
    assert entry.getMessage() == "on the publisher's event loop: lost [secret]; ValueError: [secret]\n"


async def test_task_that_the_sdk_left_behind_is_worth_a_debug_line_only(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    names: dict[str, object] = {}
    exec(compile("async def left_behind(): raise OSError", "/site-packages/ably/realtime/x.py", "exec"), names)  # noqa: S102
    left_behind = cast("Callable[[], Coroutine[None, None, None]]", names["left_behind"])
    task = asyncio.ensure_future(left_behind())
    await asyncio.wait({task})
    report_loop_error(asyncio.get_running_loop(), {"message": "never retrieved", "future": task})
    assert isinstance(task.exception(), OSError)
    assert [entry.levelname for entry in caplog.records] == ["DEBUG"]


def test_secret_that_is_part_of_another_key_leaves_nothing_of_it_behind(redaction: Redaction) -> None:
    redaction.register("one.key:shared")
    redaction.register("shared.key:s/hidden")
    assert redaction.text("?key=shared.key%3As%2Fhidden&v=5") == "?key=[secret]&v=5"


# Tokens that Ably or the user's callback gave.

OPAQUE = "appid.opaque-token+of/ably=="


@pytest.mark.parametrize(
    "form",
    [OPAQUE, urllib.parse.quote(OPAQUE, safe=""), base64.b64encode(OPAQUE.encode()).decode()],
    ids=["plain", "in a URL", "in a header"],
)
def test_token_is_blotted_out_in_each_form_in_which_it_travels(redaction: Redaction, form: str) -> None:
    secrets.guard_token(OPAQUE)
    assert redaction.text(f"before {form} after {KEY}") == "before [secret] after [secret]"


def test_old_tokens_are_forgotten_and_keys_never(redaction: Redaction) -> None:
    for number in range(120):
        redaction.register_token(f"opaque-token-{number:04}")
    assert redaction.text("opaque-token-0119 opaque-token-0000") == "[secret] opaque-token-0000"
    assert len(redaction._pattern.pattern) < 20_000
    assert redaction.text(KEY) == "[secret]"


def test_same_token_again_drives_no_other_out(redaction: Redaction) -> None:
    redaction.register_token("opaque-token-first")
    for _ in range(120):
        redaction.register_token("opaque-token-second")
    assert redaction.text("opaque-token-first") == "[secret]"


def test_empty_token_does_not_blot_out_everything(redaction: Redaction) -> None:
    redaction.register_token("")
    assert redaction.text("plain text") == "plain text"
