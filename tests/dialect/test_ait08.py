from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_ably._dialect import ait08
from temporal_ably._wire.events import (
    CancelRequested,
    Event,
    Input,
    PartEmitted,
    PartText,
    Run,
    RunClosed,
    RunOpened,
    RunReason,
    RunResumed,
    RunSuspended,
    Step,
    StepClosed,
    StepOpened,
    StepReason,
)
from temporal_ably._wire.operations import Message
from temporal_ably._wire.parts import Json, Status, Streamed, Whole
from temporal_ably.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

RUN = Run("r", "r/in")
STEP = Step(RUN, ":0:1", "s1")

RUN_HEADERS = {"run-id": "r", "invocation-id": "r", "run-client-id": ""}
STEP_HEADERS = RUN_HEADERS | {"step-id": ":0:1", "step-client-id": ""}
OUTPUT_HEADERS = STEP_HEADERS | {
    "role": "assistant",
    "codec-message-id": "m",
    "parent": "r/in",
    "step-start-serial": "s1",
}

# A run that answers an edit, in its second invocation, and one of its sub-agents.
ANSWER = Run("r", "m1", "alice", "u2", "device-1", "u1", "", "i2")
ANSWER_STEP = Step(ANSWER, ":0:1", "s1", answers=True)
SUB_STEP = Step(ANSWER, "/0.1:0:1", "s1")
ANSWER_HEADERS = {"run-id": "r", "invocation-id": "i2", "run-client-id": "alice", "input-client-id": "device-1"}
INPUT_HEADERS = {"input-codec-message-id": "u2"}
PLACE_HEADERS = {"parent": "m1", "fork-of": "u1"}
ANSWER_OUTPUT_HEADERS = (
    ANSWER_HEADERS
    | PLACE_HEADERS
    | {
        "role": "assistant",
        "codec-message-id": "m",
        "step-client-id": "device-1",
        "step-start-serial": "s1",
        "stream": "false",
    }
)
USER_HEADERS = {"role": "user", "codec-message-id": "u2", "event-id": "e", "run-client-id": "alice", "stream": "false"}

# The header sets of WIRE.md 2.2 and 3.1.
FRAMES: list[tuple[Event, str, dict[str, str]]] = [
    (RunOpened(RUN), "ai-run-start", RUN_HEADERS | {"parent": "r/in"}),
    (RunClosed(RUN, "complete"), "ai-run-end", RUN_HEADERS | {"run-reason": "complete"}),
    (RunClosed(RUN, "cancelled"), "ai-run-end", RUN_HEADERS | {"run-reason": "cancelled"}),
    (
        RunClosed(RUN, "error", "out of money"),
        "ai-run-end",
        RUN_HEADERS | {"run-reason": "error", "error-code": "104008", "error-message": "out of money"},
    ),
    (StepOpened(STEP), "ai-step-start", STEP_HEADERS),
    (
        StepClosed(STEP, "failed"),
        "ai-step-end",
        STEP_HEADERS | {"step-start-serial": "s1", "step-reason": "failed"},
    ),
    (PartEmitted(STEP, "m", Whole("start", {})), "ai-output", OUTPUT_HEADERS | {"stream": "false"}),
    (
        PartText(STEP, "m", Streamed("text", "0", {"id": "0"}), "hi", "streaming"),
        "ai-output",
        OUTPUT_HEADERS | {"stream": "true", "status": "streaming", "stream-id": "0"},
    ),
    (RunOpened(ANSWER), "ai-run-start", ANSWER_HEADERS | INPUT_HEADERS | PLACE_HEADERS),
    (RunResumed(ANSWER), "ai-run-resume", ANSWER_HEADERS | INPUT_HEADERS),
    (RunSuspended(ANSWER), "ai-run-suspend", ANSWER_HEADERS | INPUT_HEADERS),
    (RunClosed(ANSWER, "complete"), "ai-run-end", ANSWER_HEADERS | INPUT_HEADERS | {"run-reason": "complete"}),
    (StepOpened(ANSWER_STEP), "ai-step-start", ANSWER_HEADERS | {"step-id": ":0:1", "step-client-id": "device-1"}),
    (
        PartEmitted(ANSWER_STEP, "m", Whole("start", {}), ("u3",)),
        "ai-output",
        ANSWER_OUTPUT_HEADERS | INPUT_HEADERS | {"step-id": ":0:1", "steer-codec-message-ids": '["u3"]'},
    ),
    (
        PartEmitted(SUB_STEP, "m", Whole("start", {})),
        "ai-output",
        ANSWER_OUTPUT_HEADERS | {"step-id": "/0.1:0:1"},
    ),
    (
        Input(
            "u2",
            "e",
            "user",
            "alice",
            parent="m1",
            fork_of="u1",
            part=Whole("user-message", {"partType": "text"}, "hi"),
        ),
        "ai-input",
        USER_HEADERS | PLACE_HEADERS,
    ),
    (
        Input("u2", "e", "user", "alice", run="r", part=Whole("tool-approval-response", {"toolCallId": "c"})),
        "ai-input",
        USER_HEADERS | {"run-id": "r"},
    ),
    (CancelRequested("e", "r", "u2"), "ai-cancel", {"event-id": "e", "run-id": "r"} | INPUT_HEADERS),
    (CancelRequested("e", input_id="u2"), "ai-cancel", {"event-id": "e"} | INPUT_HEADERS),
]


@pytest.mark.parametrize("steers", ["", "x", "7", "[7]", "[" * 50_000, '{"a":' * 50_000])
def test_steers_that_cannot_be_read_are_none(steers: str) -> None:
    message = ait08.encode(PartEmitted(STEP, "m", Whole("start", {})))
    cast("dict[str, Any]", message.extras)["ai"]["transport"]["steer-codec-message-ids"] = steers
    assert ait08.decode(message, "1") == PartEmitted(STEP, "m", Whole("start", {}))


def test_what_cannot_be_sent_is_replaced() -> None:
    headers = ait08.encode(RunOpened(Run("r", "r/in", "al\ud800ice"))).extras
    assert ait08.transport_headers(headers)["run-client-id"] == "al?ice"


names = st.text(min_size=1, max_size=8)
fields = st.dictionaries(names.filter(lambda name: name != "kind"), names, max_size=3)
anything = st.text(max_size=8)
# An invocation that bears the run's name is the first, and written as none.
runs = st.builds(Run, names, *[anything] * 6, invocation=anything.map(lambda text: text and f"{text}-i" * 3))
steps = st.builds(Step, runs.filter(lambda run: run.input_id), names, names, st.booleans())
json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)
events = st.one_of(
    st.builds(RunOpened, runs),
    st.builds(RunClosed, runs, st.sampled_from(get_args(RunReason)), st.none() | names),
    st.builds(StepOpened, steps),
    st.builds(StepClosed, steps, st.sampled_from(get_args(StepReason))),
    st.builds(RunResumed, runs),
    st.builds(RunSuspended, runs),
    st.builds(
        Input,
        names,
        names,
        st.sampled_from(("user", "assistant")),
        *[anything] * 6,
        st.builds(Whole, names, fields, json_values),
    ),
    st.builds(CancelRequested, names, anything, anything),
    st.builds(
        PartEmitted,
        steps,
        names,
        st.builds(Whole, names, fields, json_values, st.booleans()),
        st.lists(anything, max_size=2).map(tuple),
    ),
    st.builds(
        PartText,
        steps,
        names,
        st.builds(Streamed, names, names, fields),
        st.text(),
        st.sampled_from(get_args(Status)),
        st.lists(anything, max_size=2).map(tuple),
    ),
)


def ai(message: Message) -> Mapping[str, Mapping[str, str]]:
    return cast("Mapping[str, Mapping[str, str]]", message.extras["ai"])


def as_read(event: Event, serial: str) -> Event:
    """What a reader may know of an event: its place stands on a run's opening and on outputs only."""
    match event:
        case RunClosed(run, reason):
            error = (event.error or "the agent failed") if reason == "error" else None
            return RunClosed(without_place(run), reason, error)
        case RunSuspended(run) | RunResumed(run):
            return replace(event, run=without_place(run))
        case StepOpened(step):
            return StepOpened(Step(without_input(step.run), step.id, serial))
        case StepClosed(step):
            return replace(event, step=Step(without_input(step.run), step.id, step.serial))
        case PartEmitted(step) | PartText(step) if not step.answers:
            return replace(event, step=replace(step, run=replace(step.run, input_id="")))
        case _:
            return event


def without_place(run: Run) -> Run:
    return replace(run, parent="", fork_of="", regenerates="")


def without_input(run: Run) -> Run:
    return replace(without_place(run), input_id="")


@pytest.mark.parametrize(("event", "name", "headers"), FRAMES, ids=lambda value: type(value).__name__)
def test_frame_has_exactly_the_headers_of_the_dialect(event: Event, name: str, headers: dict[str, str]) -> None:
    message = ait08.encode(event)
    assert message.name == name
    assert ai(message)["transport"] == headers


@pytest.mark.parametrize("event", [event for event, name, _ in FRAMES if name[3:] not in ("output", "input")], ids=repr)
def test_lifecycle_frame_has_neither_data_nor_codec_headers(event: Event) -> None:
    message = ait08.encode(event)
    assert message.data is None
    assert set(ai(message)) == {"transport"}


def test_output_without_a_payload_carries_empty_data() -> None:
    assert ait08.encode(PartEmitted(STEP, "m", Whole("start-step", {}))).data == ""


def test_output_names_its_kind_beside_the_fields_of_the_codec() -> None:
    message = ait08.encode(PartEmitted(STEP, "m", Whole("start", {"messageId": "m"})))
    assert ai(message)["codec"] == {"kind": "start", "messageId": "m"}


def test_failed_run_without_a_text_gets_a_generic_one() -> None:
    headers = ait08.transport_headers(ait08.encode(RunClosed(RUN, "error")).extras)
    assert headers["error-message"] == "the agent failed"


def test_opening_and_end_of_a_run_have_one_id_in_every_process() -> None:
    assert (ait08.run_start_id(Run("r", "p")), ait08.run_end_id(Run("r", "p"))) == ("r/start", "r/end")


@given(events, names)
def test_decode_undoes_encode(event: Event, serial: str) -> None:
    assert ait08.decode(ait08.encode(event), serial) == as_read(event, serial)


@pytest.mark.parametrize(
    "message",
    [
        Message("chat", "hello", {"ai": {"transport": {"run-id": "r"}}}),
        Message("ai-output", "hello", {}),
        Message("ai-output", "hello", {"headers": {"run-id": "r"}}),
    ],
    ids=["foreign name", "no extras", "headers of another kind"],
)
def test_message_that_is_none_of_a_session_reads_as_none(message: Message) -> None:
    assert ait08.decode(message, "s1") is None


def without(message: Message, header: str) -> Message:
    transport = {name: value for name, value in ait08.transport_headers(message.extras).items() if name != header}
    return replace(message, extras={"ai": {**ai(message), "transport": transport}})


@pytest.mark.parametrize(
    ("event", "header"),
    [
        (RunOpened(RUN), "run-id"),
        (StepOpened(STEP), "step-id"),
        (StepClosed(STEP, "complete"), "step-reason"),
        (PartEmitted(STEP, "m", Whole("start", {})), "codec-message-id"),
        (PartText(STEP, "m", Streamed("text", "0", {}), "", "streaming"), "status"),
        (PartText(STEP, "m", Streamed("text", "0", {}), "", "streaming"), "stream-id"),
    ],
)
def test_agents_message_without_a_required_header_is_refused_by_name(event: Event, header: str) -> None:
    with pytest.raises(DecodeError, match=rf"unable to read ai-\S+ s1; header '{header}' is absent"):
        ait08.decode(without(ait08.encode(event), header), "s1")


def test_status_outside_the_closed_set_is_refused() -> None:
    message = ait08.encode(PartText(STEP, "m", Streamed("text", "0", {}), "", "streaming"))
    odd = {**ait08.transport_headers(message.extras), "status": "paused"}
    with pytest.raises(DecodeError, match="'paused' is none of"):
        ait08.decode(replace(message, extras={"ai": {**ai(message), "transport": odd}}), "s1")


def test_output_of_a_step_that_names_no_attempt_is_read() -> None:
    message = without(ait08.encode(PartEmitted(STEP, "m", Whole("start", {}))), "step-start-serial")
    event = ait08.decode(message, "s2")
    assert isinstance(event, PartEmitted)
    assert event.step == Step(RUN, ":0:1", "")


def test_append_without_a_name_is_read_as_an_output() -> None:
    event = PartText(STEP, "m", Streamed("text", "0", {}), "more", "streaming")
    assert ait08.decode(replace(ait08.encode(event), name=""), "s2") == event
    assert ait08.decode(replace(ait08.encode(RunOpened(RUN)), name=""), "s2") is None


def test_header_that_is_no_string_is_absent() -> None:
    headers: dict[str, Any] = {"run-id": "r", "parent": 7}
    assert ait08.decode(Message("ai-run-start", None, {"ai": {"transport": headers}}), "s2") == RunOpened(Run("r", ""))


def test_ephemeral_output_says_so_to_ably_and_is_read_as_such() -> None:
    passing = PartEmitted(STEP, "m", Whole("data-x", {}, {}, ephemeral=True))
    message = ait08.encode(passing)
    assert message.extras["ephemeral"] is True
    assert ait08.decode(message, "s2") == passing


@pytest.mark.parametrize("mark", [None, 1, "true", False])
def test_output_is_ephemeral_only_where_ably_takes_it_for_that(mark: Any) -> None:
    message = ait08.encode(PartEmitted(STEP, "m", Whole("data-x", {}, {})))
    assert "ephemeral" not in message.extras
    event = ait08.decode(replace(message, extras={**message.extras, "ephemeral": mark}), "s2")
    assert event == PartEmitted(STEP, "m", Whole("data-x", {}, {}))
