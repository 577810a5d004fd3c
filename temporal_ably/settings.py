"""Settings: read from the environment once, by the interceptor's constructor."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from temporal_ably._transport.base import Credentials
from temporal_ably._wire.identity import DEFAULT_TEMPLATE, check_template
from temporal_ably.errors import SettingsError

if TYPE_CHECKING:
    from pydantic import ModelWrapValidatorHandler

    from temporal_ably._transport.base import AuthCallback

PREFIX = "ABLY_"

CancelMode: TypeAlias = Literal["workflow", "activity", "off"]


class AblySettings(BaseSettings):
    """All settings. Each is read from ``ABLY_`` and its name in upper case; arguments go first.

    That a key is missing is told by whoever needs one.

    Raises:
        SettingsError: if a value is wrong; the text names the variable and the fix.
    """

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        use_attribute_docstrings=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    enabled: bool = True
    """0 turns everything off: nothing is published and no key is needed."""

    api_key: SecretStr | None = None
    """Ably API key, `appId.keyId:secret`, with the capabilities publish, subscribe, history and message-update-own."""

    endpoint: str | None = None
    """An Ably endpoint name, or `host:port` of a local server. Unset: Ably's own."""

    tls: bool = True
    """0 for a local server without TLS."""

    session_template: str = DEFAULT_TEMPLATE
    """The channel of a workflow. Variables: `{root_workflow_id}`, `{workflow_id}`, `{workflow_type}`, `{namespace}`."""

    client_id: str = Field(default="temporal-ably", min_length=1)
    """Ably client id of the publisher; anonymous publishers may not update their messages."""

    messages_per_second_channel: float = Field(default=30, gt=0)
    """Budget for one channel. Ably's default limit is 50, shared by all publishers."""

    messages_per_second_connection: float = Field(default=45, gt=0)
    """Budget for one connection. Ably's default limit is 50."""

    max_connections: int = Field(default=10, ge=1)
    """Connections of this process at the most; one more is opened for every five streaming channels."""

    on_failure: Literal["continue", "fail"] = "continue"
    """What an activity does when its output could not be delivered: succeed all the same, or fail."""

    flush_timeout: timedelta = Field(default=timedelta(seconds=10), ge=timedelta(0))
    """How long an activity's end waits for its output, in seconds, while Ably is within reach."""

    buffer_bytes: int = Field(default=16 * 1024 * 1024, ge=1024)
    """Text held while Ably is out of reach, in bytes, for the whole process; beyond it text is lost to viewers."""

    cancel: CancelMode = "workflow"
    """What a client's cancel stops: the workflow too (unless the run is a turn of it), its activities, or nothing."""

    expose_errors: bool = False
    """1 shows end users the text of a workflow's failure instead of a generic one."""

    tags: Literal["minimal", "full"] = "minimal"
    """`full` also tags namespace and task queue; end users can read tags."""

    @model_validator(mode="wrap")
    @classmethod
    def _explained(cls, values: object, read: ModelWrapValidatorHandler[AblySettings]) -> AblySettings:
        try:
            return read(values)
        except ValidationError as err:
            raise SettingsError(_explain(err)) from None

    @field_validator("flush_timeout", mode="before")
    @classmethod
    def _seconds(cls, value: object) -> object:
        # From the environment a bare number is a text; pydantic reads only numbers as seconds.
        return float(value) if isinstance(value, str) and value.replace(".", "", 1).isdecimal() else value

    @field_validator("session_template")
    @classmethod
    def _template(cls, value: str) -> str:
        check_template(value)
        return value

    @field_validator("api_key")
    @classmethod
    def _key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            name, _, secret = value.get_secret_value().partition(":")
            if "." not in name or not secret or ":" in secret:
                raise ValueError("it is not of the form appId.keyId:secret; copy it from the Ably dashboard")
        return value


def load(settings: object, overrides: dict[str, object], *, needs_key: bool = True) -> AblySettings:
    """Read the settings and check that they suffice.

    Args:
        settings: a whole set, or ``None`` to read the environment; anything else is refused.
        overrides: single values that go before either, by field name.
        needs_key: whether nothing else gives access to Ably.

    Raises:
        SettingsError: naming the variable and the fix.
    """
    if settings is not None and not isinstance(settings, AblySettings):
        raise SettingsError(
            f"unable to use the argument settings; it is {type(settings).__name__}; "
            "pass an AblySettings, or single settings by name, as client_id="
        )
    given = {} if settings is None else settings.model_dump()
    loaded = AblySettings(**{**given, **overrides})  # pyright: ignore[reportArgumentType] - pydantic checks them
    if loaded.enabled and needs_key and loaded.api_key is None:
        raise SettingsError(
            "unable to publish to Ably; ABLY_API_KEY is not set; set it to a key of your Ably app, pass "
            "auth_callback=, run a local server with `temporal-ably dev`, or turn publishing off with ABLY_ENABLED=0"
        )
    return loaded


def check_function(name: str, value: object) -> None:
    """Check an argument that is a function, or ``None``.

    Raises:
        SettingsError: if it is neither; the text names it.
    """
    if value is not None and not callable(value):
        raise SettingsError(f"unable to use the argument {name}; it is {type(value).__name__}; pass a function")


def check_recorder(recorder: object) -> None:
    """Check the argument ``recorder``.

    Raises:
        SettingsError: if it is neither a recorder nor ``None``.
    """
    if recorder is not None and (isinstance(recorder, type) or not hasattr(recorder, "connect")):
        raise SettingsError("unable to use the argument recorder; it is no recorder; pass AblyRecorder(), an instance")


def credentials(settings: AblySettings, auth_callback: AuthCallback | None = None) -> Credentials:
    """Give what it takes to reach and to enter Ably."""
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    return Credentials(key, settings.endpoint, settings.tls, settings.client_id, auth_callback)


def _explain(err: ValidationError) -> str:
    problem = err.errors(include_input=False, include_url=False)[0]
    name = str(problem["loc"][0]) if problem["loc"] else "the settings"
    if problem["type"] == "extra_forbidden":
        known = ", ".join(AblySettings.model_fields)
        return f"unable to use the argument {name}; there is no such setting; use one of {known}"
    if problem["type"].startswith("time_delta_"):
        return f"unable to use {PREFIX}{name.upper()}; it is no time; give seconds, as in 3"
    why = problem["msg"].removeprefix("Value error, ")
    return f"unable to use {PREFIX}{name.upper()}; {why}; correct the value"
