from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import temporalio.client
import temporalio.worker
from temporalio.worker import ExecuteActivityInput, WorkflowInterceptorClassInput

from temporal_ably import AblyInterceptor, AblySettings, SettingsError, current_stream, session_name
from temporal_ably._temporal.activity import ActivityInbound
from temporal_ably._temporal.workflow import CLOSED_HINT, CURRENT, SUSPENDED_HINT, TEMPLATE, TURN_HINT, WorkflowInbound
from temporal_ably._wire.identity import DEFAULT_TEMPLATE, Binding
from temporal_ably.testing.recorder import AblyRecorder

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

KEY = "app.name:top-secret"


class LastInbound(temporalio.worker.ActivityInboundInterceptor):
    def __init__(self) -> None:
        """Be the end of a chain."""


def class_input(functions: MutableMapping[str, Callable[..., Any]]) -> WorkflowInterceptorClassInput:
    return WorkflowInterceptorClassInput(unsafe_extern_functions=functions)


def test_one_object_serves_clients_and_workers() -> None:
    interceptor = AblyInterceptor(api_key=KEY)
    assert isinstance(interceptor, temporalio.client.Interceptor)
    assert isinstance(interceptor, temporalio.worker.Interceptor)


def test_missing_key_is_told_by_the_constructor() -> None:
    with pytest.raises(SettingsError, match="ABLY_API_KEY is not set"):
        AblyInterceptor()


async def give_token(params: dict[str, object]) -> object:
    raise NotImplementedError(params)


@pytest.mark.parametrize("argument", ["auth_callback", "recorder"])
def test_whoever_has_another_way_in_needs_no_key(argument: str) -> None:
    ways: dict[str, Any] = {"auth_callback": give_token, "recorder": AblyRecorder()}
    AblyInterceptor(**{argument: ways[argument]})
    with pytest.raises(SettingsError, match="pass auth_callback="):
        AblyInterceptor(**{argument: None})


@pytest.mark.parametrize("argument", ["auth_callback", "on_part"])
def test_argument_that_must_be_a_function_and_is_none_is_told_by_the_constructor(argument: str) -> None:
    wrong: dict[str, Any] = {argument: "not a function"}
    with pytest.raises(SettingsError, match=rf"unable to use the argument {argument}; it is str; pass a function"):
        AblyInterceptor(api_key=KEY, **wrong)


def test_unknown_argument_is_told_by_the_constructor() -> None:
    with pytest.raises(SettingsError, match="unable to use the argument on_parts; there is no such setting"):
        AblyInterceptor(api_key=KEY, on_parts=print)


def test_agent_name_is_a_name_or_a_function() -> None:
    for name in ("Ada", lambda info: info.activity_type):  # pyright: ignore[reportUnknownLambdaType, reportUnknownMemberType, reportUnknownVariableType]
        runtime = AblyInterceptor(api_key=KEY, agent_name=name)._runtime  # pyright: ignore[reportUnknownArgumentType]
        assert runtime is not None
        assert runtime.options.agent_name is name


def test_settings_come_from_arguments_a_whole_set_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    AblyInterceptor(api_key=KEY)
    AblyInterceptor(AblySettings.model_validate({"api_key": KEY}))
    monkeypatch.setenv("ABLY_API_KEY", KEY)
    AblyInterceptor()


def test_two_interceptors_are_never_equal_and_can_be_kept_in_a_set() -> None:
    one, other = AblyInterceptor(api_key=KEY), AblyInterceptor(api_key=KEY)
    assert one != other
    assert len({one, other, one}) == 2


def test_key_is_in_no_attribute_that_is_shown() -> None:
    interceptor = AblyInterceptor(api_key=KEY)
    assert "top-secret" not in repr(interceptor)
    assert "top-secret" not in repr(vars(interceptor))


def test_each_attempt_gets_an_object_of_its_own() -> None:
    interceptor = AblyInterceptor(api_key=KEY)
    one, other = (interceptor.intercept_activity(LastInbound()) for _ in range(2))
    assert isinstance(one, ActivityInbound)
    assert one is not other


def test_workflows_get_the_class_and_what_it_needs_from_outside() -> None:
    functions: dict[str, Callable[..., Any]] = {}
    interceptor = AblyInterceptor(api_key=KEY, session_template="chat:{workflow_id}")
    assert interceptor.workflow_interceptor_class(class_input(functions)) is WorkflowInbound
    assert set(functions) == {CLOSED_HINT, CURRENT, SUSPENDED_HINT, TEMPLATE, TURN_HINT}
    assert functions[TEMPLATE]() == "chat:{workflow_id}"


def test_inner_instance_leaves_workflows_to_the_outer_one() -> None:
    functions: dict[str, Callable[..., Any]] = {}
    outer, inner = (AblyInterceptor(api_key=KEY, session_template=f"{name}:{{workflow_id}}") for name in "ab")
    outer.workflow_interceptor_class(class_input(functions))
    assert inner.workflow_interceptor_class(class_input(functions)) is None
    assert functions[TEMPLATE]() == "a:{workflow_id}"


def test_hint_of_a_workflow_that_never_streamed_connects_to_nothing() -> None:
    functions: dict[str, Callable[..., Any]] = {}
    interceptor = AblyInterceptor(api_key=KEY, client_id="never-streams")
    interceptor.workflow_interceptor_class(class_input(functions))
    functions[CLOSED_HINT](Binding("ai:wf", "run", "wf", "run"), "run", "Chat")
    runtime = interceptor._runtime
    assert runtime is not None
    assert runtime.active is None


def test_interceptor_that_is_off_changes_nothing() -> None:
    functions: dict[str, Callable[..., Any]] = {}
    interceptor = AblyInterceptor(enabled=False)
    assert interceptor.workflow_interceptor_class(class_input(functions)) is None
    assert functions == {}


async def test_interceptor_that_is_off_lets_activities_stream_nowhere_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Streams(LastInbound):
        async def execute_activity(self, input: ExecuteActivityInput) -> Any:
            current_stream().text("unheard")
            return "done"

    off = AblyInterceptor(enabled=False).intercept_activity(Streams())
    assert await off.execute_activity(ExecuteActivityInput(fn=print, args=[], executor=None, headers={})) == "done"
    assert caplog.messages == []


@pytest.mark.parametrize("enabled", [True, False])
async def test_leaving_the_context_without_any_stream_returns_at_once(enabled: bool) -> None:  # noqa: FBT001
    async with AblyInterceptor(api_key=KEY, enabled=enabled, client_id="never-streams") as interceptor:
        assert isinstance(interceptor, AblyInterceptor)


# The session's name.


def test_session_name_is_what_the_workers_use_by_default() -> None:
    assert session_name("order 7") == "ai:order%207"


def test_session_name_follows_the_environment_as_the_workers_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABLY_SESSION_TEMPLATE", "{namespace}:{workflow_type}:{root_workflow_id}")
    assert session_name("7", workflow_type="Chat", namespace="prod") == "prod:Chat:7"


def test_session_name_takes_a_template_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABLY_SESSION_TEMPLATE", "other:{workflow_id}")
    assert session_name("7", template="chat:{workflow_id}") == "chat:7"


def test_empty_template_in_the_environment_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABLY_SESSION_TEMPLATE", "")
    assert session_name("7") == DEFAULT_TEMPLATE.format(root_workflow_id="7")


def test_session_name_refuses_a_wrong_template() -> None:
    with pytest.raises(SettingsError, match="unable to use ABLY_SESSION_TEMPLATE"):
        session_name("7", template="ai:{user}")


async def _async(chunk: object) -> object:
    return chunk


@pytest.mark.parametrize(
    ("argument", "value", "told"),
    [
        ("recorder", AblyRecorder, r"pass AblyRecorder\(\), an instance"),
        ("recorder", "tape", r"pass AblyRecorder\(\), an instance"),
        ("on_part", _async, "it is async; pass a plain function"),
        ("agent_name", 7, "it is int; pass a function"),
    ],
)
def test_an_argument_that_cannot_work_is_refused_at_once(argument: str, value: object, told: str) -> None:
    arguments: dict[str, Any] = {"api_key": "app.key:secret", argument: value}
    with pytest.raises(SettingsError, match=f"unable to use the argument {argument}; .*{told}"):
        AblyInterceptor(None, **arguments)
