from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from temporal_ably import AblyInterceptor, AblySettings, SettingsError
from temporal_ably.settings import PREFIX, load

KEY = "app.name:top-secret"

# Setting, text in the environment, value.
VALUES: list[tuple[str, str, object]] = [
    ("enabled", "0", False),
    ("enabled", "true", True),
    ("endpoint", "127.0.0.1:1234", "127.0.0.1:1234"),
    ("tls", "0", False),
    ("session_template", "chat:{workflow_id}", "chat:{workflow_id}"),
    ("client_id", "worker-7", "worker-7"),
    ("messages_per_second_channel", "12.5", 12.5),
    ("messages_per_second_connection", "40", 40.0),
    ("max_connections", "3", 3),
    ("on_failure", "fail", "fail"),
    ("flush_timeout", "2.5", timedelta(seconds=2.5)),
    ("flush_timeout", "0", timedelta(0)),
    ("flush_timeout", "PT1M", timedelta(minutes=1)),
    ("buffer_bytes", "2048", 2048),
    ("cancel", "activity", "activity"),
    ("cancel", "off", "off"),
    ("expose_errors", "1", True),
    ("tags", "full", "full"),
]

# Setting, value, what the error says of it.
BAD: list[tuple[str, str, str]] = [
    ("enabled", "perhaps", "boolean"),
    ("api_key", "top-secret", "not of the form appId.keyId:secret"),
    ("api_key", "nodot:top-secret", "not of the form appId.keyId:secret"),
    ("api_key", "app.name:", "not of the form appId.keyId:secret"),
    ("tls", "no way", "boolean"),
    ("session_template", "ai:{user}", "{user} is not a variable"),
    ("session_template", "ai {workflow_id}", "white space"),
    ("messages_per_second_channel", "0", "greater than 0"),
    ("messages_per_second_channel", "nan", "greater than 0"),
    ("messages_per_second_connection", "-1", "greater than 0"),
    ("messages_per_second_connection", "many", "number"),
    ("max_connections", "0", "greater than or equal to 1"),
    ("max_connections", "1.5", "integer"),
    ("on_failure", "panic", "'continue' or 'fail'"),
    ("flush_timeout", "3s", "give seconds, as in 3"),
    ("flush_timeout", "-1", "give seconds, as in 3"),
    ("flush_timeout", "soon", "give seconds, as in 3"),
    ("flush_timeout", "1.2.3", "give seconds, as in 3"),
    ("flush_timeout", "²", "give seconds, as in 3"),
    ("flush_timeout", "9" * 400, "give seconds, as in 3"),
    ("buffer_bytes", "10", "greater than or equal to 1024"),
    ("cancel", "never", "'workflow', 'activity' or 'off'"),
    ("expose_errors", "2", "boolean"),
    ("tags", "all", "'minimal' or 'full'"),
]


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ABLY_API_KEY", KEY)
    return KEY


def test_every_setting_is_tested() -> None:
    assert {name for name, _, _ in VALUES} | {"api_key"} == set(AblySettings.model_fields)
    assert {name for name, _, _ in BAD} | {"endpoint", "client_id"} == set(AblySettings.model_fields)


def test_key_alone_suffices(key: str) -> None:
    settings = load(None, {})
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == key
    assert settings.session_template == "ai:{root_workflow_id}"
    assert settings.flush_timeout == timedelta(seconds=10)


@pytest.mark.parametrize(("name", "text", "value"), VALUES)
def test_setting_is_read_from_the_environment(
    key: str, monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object
) -> None:
    monkeypatch.setenv(PREFIX + name.upper(), text)
    assert getattr(load(None, {}), name) == value


@pytest.mark.parametrize(("name", "text", "value"), VALUES)
def test_argument_goes_before_the_environment(
    key: str, monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object
) -> None:
    monkeypatch.setenv(PREFIX + name.upper(), "nonsense")
    assert getattr(load(None, {name: value}), name) == value


def test_argument_goes_before_a_whole_set(key: str) -> None:
    settings = load(AblySettings(client_id="one", tags="full"), {"client_id": "two"})
    assert (settings.client_id, settings.tags) == ("two", "full")


@pytest.mark.parametrize("number", [5, 2.5])
def test_time_may_be_given_as_a_number_of_seconds(key: str, number: float) -> None:
    assert load(None, {"flush_timeout": number}).flush_timeout == timedelta(seconds=number)


@pytest.mark.parametrize("name", sorted(AblySettings.model_fields))
def test_empty_variable_counts_as_unset(key: str, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    if name != "api_key":
        monkeypatch.setenv(PREFIX + name.upper(), "")
    default = AblySettings.model_fields[name].default
    assert name == "api_key" or getattr(load(None, {}), name) == default


@pytest.mark.parametrize("how", ["environment", "argument"])
@pytest.mark.parametrize(("name", "text", "complaint"), BAD)
def test_bad_value_gives_one_error_that_names_the_variable_and_hides_the_value(
    key: str, monkeypatch: pytest.MonkeyPatch, name: str, text: str, complaint: str, how: str
) -> None:
    overrides: dict[str, object] = {}
    if how == "argument":
        overrides = {name: text}
    else:
        monkeypatch.setenv(PREFIX + name.upper(), text)
    with pytest.raises(SettingsError) as caught:
        load(None, overrides)
    assert str(caught.value).startswith(f"unable to use {PREFIX}{name.upper()}")
    assert complaint in str(caught.value)
    for shown in (str(caught.value), repr(caught.value), repr(caught.value.__context__)):
        assert "top-secret" not in shown
    assert caught.value.__cause__ is None


def test_empty_argument_is_refused(key: str) -> None:
    with pytest.raises(SettingsError, match="unable to use ABLY_CLIENT_ID; String should have at least 1 character"):
        load(None, {"client_id": ""})


def test_unknown_argument_is_refused_with_the_known_ones(key: str) -> None:
    with pytest.raises(SettingsError, match="unable to use the argument api_kee; there is no such setting; use one of"):
        load(None, {"api_kee": KEY})


def test_unknown_variable_of_the_prefix_is_none_of_our_business(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABLY_SOMETHING_ELSE", "1")
    load(None, {})


@pytest.mark.parametrize("value", [None, ""])
def test_missing_key_is_told_with_every_way_out(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is not None:
        monkeypatch.setenv("ABLY_API_KEY", value)
    with pytest.raises(SettingsError) as caught:
        load(None, {})
    assert "ABLY_API_KEY is not set" in str(caught.value)
    assert "auth_callback=" in str(caught.value)
    assert "`temporal-ably dev`" in str(caught.value)
    assert "ABLY_ENABLED=0" in str(caught.value)


def test_no_key_is_needed_where_something_else_gives_access() -> None:
    assert load(None, {}, needs_key=False).api_key is None


def test_key_is_checked_though_none_is_needed() -> None:
    with pytest.raises(SettingsError, match="unable to use ABLY_API_KEY"):
        load(None, {"api_key": "top-secret"}, needs_key=False)


def test_no_key_is_needed_when_off() -> None:
    assert load(None, {"enabled": False}).api_key is None


def test_key_is_never_shown(key: str) -> None:
    settings = load(None, {})
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.model_dump())):
        assert "top-secret" not in shown
        assert "***" in shown


@pytest.mark.parametrize(("name", "text", "complaint"), BAD)
def test_settings_that_a_user_makes_give_the_same_errors(name: str, text: str, complaint: str) -> None:
    made: dict[str, object] = {name: text}
    for make in (lambda: AblySettings(**made), lambda: AblySettings.model_validate(made)):  # pyright: ignore[reportArgumentType]
        with pytest.raises(SettingsError) as caught:
            make()
        assert str(caught.value).startswith(f"unable to use {PREFIX}{name.upper()}")
        assert complaint in str(caught.value)
        assert "top-secret" not in str(caught.value) + repr(caught.value.__context__)


def test_settings_that_a_user_makes_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABLY_TAGS", "full")
    made = AblySettings(client_id="one")
    assert (made.client_id, made.tags, made.api_key) == ("one", "full", None)


@pytest.mark.parametrize("settings", [{"client_id": "me"}, KEY, AblySettings])
def test_what_is_no_set_of_settings_is_refused_by_the_name_of_the_argument(key: str, settings: object) -> None:
    kind = type(settings).__name__
    with pytest.raises(SettingsError, match=f"^unable to use the argument settings; it is {kind}; pass an AblySett"):
        load(settings, {})


def test_interceptor_refuses_settings_that_are_none() -> None:
    settings: Any = {"client_id": "me"}
    with pytest.raises(SettingsError, match="unable to use the argument settings; it is dict"):
        AblyInterceptor(settings)


def test_settings_cannot_be_changed(key: str) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load(None, {}).client_id = "other"  # pyright: ignore[reportAttributeAccessIssue] - that is the point


@pytest.mark.parametrize("name", sorted(AblySettings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    assert AblySettings.model_fields[name].description
