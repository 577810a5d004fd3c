from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ably.types.message import Message as AblyMessage  # pyright: ignore[reportMissingTypeStubs] # it has none
from hypothesis import given
from hypothesis import strategies as st

from temporal_ably._dialect import ait08
from temporal_ably._wire import tags
from temporal_ably._wire.events import (
    CancelRequested,
    Input,
    PartEmitted,
    PartText,
    Run,
    RunClosed,
    RunOpened,
    Step,
    StepClosed,
    StepOpened,
)
from temporal_ably._wire.parts import Json, Streamed, Whole
from temporal_ably.codec.vercel import CODEC
from temporal_ably.envelope import Envelope, EnvelopePart
from temporal_ably.errors import DecodeError

RUN = Run("run", "")
STEP = Step(RUN, ":0:1", "0001")
ORIGIN = tags.Origin("wf", "wf-run", "Flow", "7", "greet", 2, 1_700_000_000_123_456, "Greeter", "default", "queue")
STARTED = datetime(2023, 11, 14, 22, 13, 20, 123456, timezone.utc)
OWN = {
    "contract": "1",
    "session_run": "run",
    "workflow_id": "wf",
    "run_id": "wf-run",
    "activity_id": "7",
    "attempt": 2,
    "started": STARTED,
    "step": ":0:1",
    "length": 0,
}


def message(event: Any, headers: dict[str, str] | None = None, **changes: object) -> dict[str, Any]:
    """Give a message in its JSON form."""
    encoded = ait08.encode(event)
    extras: dict[str, Any] = {**encoded.extras, **({} if headers is None else {"headers": headers})}
    whole = {
        "serial": "0002",
        "version": {"serial": "0003", "timestamp": 1},
        "action": 0,
        "name": encoded.name,
        "data": encoded.data,
        "id": "a:0",
        "clientId": "temporal-ably",
        "timestamp": 1_700_000_000_001,
        "extras": extras,
    }
    return {**whole, **changes}


def told(read: Envelope) -> dict[str, object]:
    """What a reader learned, defaults left out."""
    placed = {"channel", "serial", "version", "action", "name", "id", "client_id", "version_client_id", "timestamp"}
    return read.model_dump(exclude=placed, exclude_defaults=True)


def read(raw: object) -> Envelope:
    return Envelope.of(raw, channel="ai:wf")


def text(status: str, data: str, **changes: object) -> dict[str, Any]:
    part = Streamed("text", "0", {"id": "0", "providerMetadata": "{}"})
    headers = tags.step_tags(ORIGIN, "run", ":0:1", "part", 5)
    headers |= tags.part_tags(0, CODEC.describe("text", part.fields), status)  # pyright: ignore[reportArgumentType]
    return message(PartText(STEP, "run/:0:1/0", part, data, status), headers, **changes)  # pyright: ignore[reportArgumentType]


def whole(kind: str, fields: dict[str, str], data: Json, headers: dict[str, str] | None = None) -> dict[str, Any]:
    return message(PartEmitted(STEP, "run/:0:1/0", Whole(kind, fields, data)), headers)


CALL = {"toolCallId": "c"}


def user_part(part_type: str, data: Json, **fields: str) -> Whole:
    return Whole("user-message", {"messageId": "ui", "partType": part_type, **fields}, data)


STEP_FACTS = {"session_run": "run", "step": ":0:1", "step_serial": "0001"}
PLACE = {"message_id": "run/:0:1/0", "step_serial": "0001"}
EVENTS: dict[str, tuple[dict[str, Any], dict[str, object]]] = {
    "run-start": (
        message(RunOpened(RUN), tags.run_tags(RUN, "run-start", "wf", "wf-run")),
        {"contract": "1", "event": "run-start", "session_run": "run", "workflow_id": "wf", "run_id": "wf-run"},
    ),
    "run-end": (
        message(
            RunClosed(RUN, "error", "no money"),
            tags.run_tags(RUN, "run-end", "wf", "wf-run") | tags.end_tags("error", "no money"),
        ),
        {
            "contract": "1",
            "event": "run-end",
            "session_run": "run",
            "workflow_id": "wf",
            "run_id": "wf-run",
            "reason": "error",
            "error": "no money",
        },
    ),
    "step-start": (
        message(
            StepOpened(STEP),
            tags.step_tags(ORIGIN, "run", ":0:1", "step-start") | tags.first_tags(ORIGIN, "00-ab-cd-01", full=True),
        ),
        {
            **OWN,
            "event": "step-start",
            "step_serial": "0002",
            "activity_type": "greet",
            "workflow_type": "Flow",
            "agent": "Greeter",
            "namespace": "default",
            "task_queue": "queue",
            "traceparent": "00-ab-cd-01",
        },
    ),
    "step-end": (
        message(
            StepClosed(STEP, "failed"), tags.step_tags(ORIGIN, "run", ":0:1", "step-end") | tags.end_tags("failed")
        ),
        {**OWN, "event": "step-end", "step_serial": "0001", "reason": "failed"},
    ),
    "streamed part": (
        text("streaming", "Hello"),
        {
            **OWN,
            **PLACE,
            "length": 5,
            "event": "part",
            "part": {"kind": "text", "id": "0", "fields": {"id": "0"}, "text": "Hello", "status": "streaming"},
        },
    ),
    "whole part": (
        whole(
            "tool-output-available",
            {"toolCallId": "c1", "preliminary": "true"},
            {"output": [1, None]},
            tags.step_tags(ORIGIN, "run", ":0:1", "part")
            | tags.part_tags(0, {"type": "tool-output-available", "toolCallId": "c1", "preliminary": True}),
        ),
        {
            **OWN,
            **PLACE,
            "event": "part",
            "part": {
                "kind": "tool-output-available",
                "id": "c1",
                "fields": {"toolCallId": "c1", "preliminary": True},
                "data": {"output": [1, None]},
            },
        },
    ),
    "run-start of another agent": (message(RunOpened(RUN)), {"event": "run-start", "session_run": "run"}),
    "run-end of another agent": (
        message(RunClosed(RUN, "cancelled")),
        {"event": "run-end", "session_run": "run", "reason": "cancelled"},
    ),
    "step-start of another agent": (
        message(StepOpened(STEP)),
        {**STEP_FACTS, "step_serial": "0002", "event": "step-start"},
    ),
    "step-end of another agent": (
        message(StepClosed(STEP, "complete")),
        {**STEP_FACTS, "event": "step-end", "reason": "complete"},
    ),
    "streamed part of another agent": (
        message(
            PartText(STEP, "m", Streamed("tool-input", "c1", {"toolCallId": "c1", "dynamic": "true"}), "{", "complete")
        ),
        {
            **STEP_FACTS,
            "event": "part",
            "message_id": "m",
            "part": {
                "kind": "tool-input",
                "id": "c1",
                "fields": {"toolCallId": "c1", "dynamic": True},
                "text": "{",
                "status": "complete",
            },
        },
    ),
    "whole part of another agent": (
        message(PartEmitted(STEP, "m", Whole("start", {"messageMetadata": '{"a":1}', "messageId": "m"}))),
        {
            **STEP_FACTS,
            "event": "part",
            "message_id": "m",
            "part": {"kind": "start", "fields": {"messageId": "m", "messageMetadata": {"a": 1}}, "data": ""},
        },
    ),
    "part of a newer kind": (
        message(PartEmitted(STEP, "m", Whole("hologram", {"depth": "3"}, [1]))),
        {
            **STEP_FACTS,
            "event": "part",
            "message_id": "m",
            "part": {"kind": "hologram", "fields": {"depth": "3"}, "data": [1]},
        },
    ),
}


@pytest.mark.parametrize("name", EVENTS)
def test_what_a_message_tells(name: str):
    raw, facts = EVENTS[name]
    assert told(read(raw)) == facts


SAID = {"event": "input", "message_id": "m", "event_id": "e", "role": "user", "run_client_id": "alice"}
INPUTS: list[tuple[Input | CancelRequested, dict[str, object]]] = [
    (
        Input("m", "e", "user", "alice", parent="p", fork_of="f", part=user_part("text", "Hi")),
        {
            **SAID,
            "parent": "p",
            "fork_of": "f",
            "part": {"kind": "text", "fields": {"messageId": "ui"}, "text": "Hi"},
        },
    ),
    (
        Input("m", "e", "user", "alice", "run", part=user_part("file", "https://a", mediaType="image/png")),
        {
            **SAID,
            "session_run": "run",
            "part": {"kind": "file", "fields": {"messageId": "ui", "mediaType": "image/png"}, "data": "https://a"},
        },
    ),
    (
        Input("m", "e", "user", "alice", part=user_part("data-mode", {"mode": 1}, id="d")),
        {
            **SAID,
            "part": {"kind": "data-mode", "id": "d", "fields": {"messageId": "ui", "id": "d"}, "data": {"mode": 1}},
        },
    ),
    (
        Input("m", "e", "user", "alice", part=user_part("text", {"no": "text"})),
        {**SAID, "part": {"kind": "text", "fields": {"messageId": "ui"}}},
    ),
    (
        Input("m", "e", "user", "alice", part=Whole("user-message", {}, "Hi")),
        {**SAID, "part": {"kind": "user-message", "data": "Hi"}},
    ),
    (
        Input("m", "e", "assistant", "alice", "", "p", supersedes="r", part=Whole("tool-result", CALL, {"output": 1})),
        {
            **SAID,
            "role": "assistant",
            "parent": "p",
            "supersedes": "r",
            "part": {"kind": "tool-result", "id": "c", "fields": {"toolCallId": "c"}, "data": {"output": 1}},
        },
    ),
    (
        Input("m", "e", "user", "alice", "run", part=Whole("tool-approval-response", {**CALL, "approved": "true"})),
        {
            **SAID,
            "session_run": "run",
            "part": {
                "kind": "tool-approval-response",
                "id": "c",
                "fields": {"toolCallId": "c", "approved": True},
                "data": "",
            },
        },
    ),
    (
        Input("m", "e", "user", "alice", parent="p", regenerates="a", part=Whole("regenerate", {})),
        {**SAID, "parent": "p", "regenerates": "a", "part": {"kind": "regenerate", "data": ""}},
    ),
    (CancelRequested("e", "run", "m"), {"event": "cancel", "event_id": "e", "session_run": "run", "input_id": "m"}),
]


@pytest.mark.parametrize(("event", "facts"), INPUTS)
def test_what_a_client_says(event: Input | CancelRequested, facts: dict[str, object]):
    assert told(read(message(event))) == facts


def test_an_input_of_which_no_kind_is_told_has_no_part():
    raw = message(Input("m", "e", "user"))
    del raw["extras"]["ai"]["codec"]
    assert read(raw).part is None


def test_of_an_input_only_its_text_is_text():
    said = [read(message(event)).text for event, _ in INPUTS]
    assert [each for each in said if each] == ["Hi"]


def test_tags_of_a_part_on_an_input_are_not_believed():
    tag = {tags.VERSION: "1", tags.PART: '{"type":"text"}', tags.STATUS: "streaming"}
    part = read(message(INPUTS[1][0], tag)).part
    assert part is not None
    assert (part.kind, part.status) == ("file", None)


@pytest.mark.parametrize(
    ("changes", "changed_by"),
    [
        ({"version": {"serial": "0003", "clientId": "mallory"}}, "mallory"),
        ({"version": {"serial": "0003"}}, ""),
        ({"version": "0003"}, ""),
        ({"version": "0003", "versionClientId": "mallory"}, "mallory"),
        ({"version": {"serial": "0003", "clientId": 7}}, ""),
    ],
)
def test_who_changed_a_message(changes: dict[str, Any], changed_by: str):
    envelope = read({**EVENTS["run-start"][0], **changes})
    assert (envelope.client_id, envelope.version_client_id) == ("temporal-ably", changed_by)


@pytest.mark.parametrize("name", [name for name in EVENTS if "other" not in name and "newer" not in name])
def test_tags_alone_tell_the_same_but_the_serial_of_the_opening(name: str):
    raw, facts = EVENTS[name]
    bare = {**raw, "name": "other", "extras": {"headers": raw["extras"]["headers"]}}
    rest = facts if name == "step-start" else {key: value for key, value in facts.items() if key != "step_serial"}
    assert told(read(bare)) == rest


@pytest.mark.parametrize("name", EVENTS)
def test_a_message_of_the_sdk_reads_as_its_json_form(name: str):
    raw, _ = EVENTS[name]
    sdk = AblyMessage.from_encoded(raw)  # pyright: ignore[reportUnknownMemberType]
    assert read(sdk) == read(raw)


def test_where_a_message_stands():
    envelope = read(EVENTS["run-start"][0])
    assert (envelope.channel, envelope.serial, envelope.version, envelope.action) == ("ai:wf", "0002", "0003", "create")
    assert (envelope.name, envelope.id, envelope.client_id) == ("ai-run-start", "a:0", "temporal-ably")
    assert envelope.timestamp == datetime(2023, 11, 14, 22, 13, 20, 1000, timezone.utc)


@pytest.mark.parametrize(
    ("value", "action"),
    [
        (None, "create"),
        (0, "create"),
        (1, "update"),
        (2, "delete"),
        (5, "append"),
        ("message.append", "append"),
        ("update", "update"),
    ],
)
def test_actions_by_number_and_by_name(value: object, action: str):
    assert read(text("streaming", "a", action=value)).action == action


@pytest.mark.parametrize("version", [None, {}, 7, {"serial": None}])
def test_a_message_without_a_version_has_its_serial_for_one(version: object):
    assert read(text("streaming", "a", version=version)).version == "0002"


def test_a_version_may_be_text():
    assert read(text("streaming", "a", version="0009")).version == "0009"


def test_an_append_without_a_name_is_an_output():
    raw = message(PartText(STEP, "m", Streamed("text", "0", {"id": "0"}), "a", "streaming"), action=5)
    del raw["name"]
    envelope = read(raw)
    assert (envelope.name, envelope.event) == ("", "part")
    assert envelope.part is not None
    assert envelope.part.text == "a"


def test_a_delete_needs_no_headers():
    envelope = read({"serial": "0002", "version": {"serial": "0009"}, "action": 2})
    assert (envelope.action, envelope.version, envelope.event) == ("delete", "0009", "")


def test_a_mark_names_the_start_of_the_attempt_that_took_its_place():
    raw = text("complete", "dead")
    raw["extras"]["headers"][tags.SUPERSEDED_BY] = "1700000000123457"
    envelope = read(raw)
    assert envelope.superseded
    assert envelope.superseded_by == STARTED + timedelta(microseconds=1)
    assert not read(text("complete", "alive")).superseded


def test_text_is_that_of_its_part_and_no_field_of_the_schema():
    said: list[str] = [
        read(raw).text for raw in (text("streaming", "é"), whole("start", {}, "x"), EVENTS["run-start"][0])
    ]
    assert said == ["é", "", ""]
    assert "text" not in Envelope.model_json_schema()["properties"]
    assert "text" not in read(text("streaming", "é")).model_dump()


@pytest.mark.parametrize(
    ("data", "encoding", "read_as"),
    [
        ('{"output":1}', "json", {"output": 1}),
        ('{"output":1}', "json/utf-8", {"output": 1}),
        ('{"output":1}', None, '{"output":1}'),
        ("{", "json", "{"),
        ("eA==", "base64", "eA=="),
        (b"bytes", None, None),
        (float("nan"), None, None),
        ("[NaN]", "json", "[NaN]"),
        ({"a": b"bytes"}, None, None),
        ({1: (2,)}, None, {"1": [2]}),
    ],
)
def test_data_is_json_whatever_came(data: object, encoding: str | None, read_as: Json):
    raw = {**whole("data-x", {}, ""), "data": data, "encoding": encoding}
    part = read(raw).part
    assert part is not None
    assert part.data == read_as


def test_data_may_nest_deeper_than_any_model_reads():
    data: Json = 1
    for _ in range(600):
        data = [data]
    part = read(whole("data-x", {}, data)).part
    assert part is not None
    assert part.data == data


def test_transient_data_is_ephemeral():
    raw = whole("data-x", {"transient": "true"}, "1")
    raw["extras"]["ephemeral"] = True
    part = read(raw).part
    assert part is not None
    assert part.ephemeral


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({tags.ATTEMPT: "two"}, {"attempt": None}),
        ({tags.ATTEMPT: "9" * 5000}, {"attempt": None}),
        ({tags.STARTED: "yesterday"}, {"started": None}),
        ({tags.STARTED: "9" * 19}, {"started": None}),
        ({tags.LENGTH: "-1"}, {"length": None}),
        ({tags.SUPERSEDED_BY: "soon"}, {"superseded_by": None, "superseded": True}),
        ({tags.EVENT: "part-of-a-newer-kind"}, {"event": "part-of-a-newer-kind", "part": None}),
        ({tags.STATUS: "paused"}, {"part": {"status": "streaming"}}),
        ({tags.PART: "{"}, {"part": {"kind": "text", "fields": {"id": "0"}}}),
        ({tags.PART: "[1]"}, {"part": {"kind": "text"}}),
        ({tags.PART: '{"type":7}'}, {"part": {"kind": "text"}}),
        ({tags.PART: '{"type":"text","id":7}'}, {"part": {"id": "0", "fields": {"id": 7}}}),
        ({tags.PART: '{"type":"text","new":[1]}'}, {"part": {"fields": {"new": [1]}}}),
        ({tags.VERSION: "1.7"}, {"contract": "1.7", "attempt": 2}),
        ({tags.VERSION: ""}, {"contract": "", "attempt": None, "event": "part", "step": ":0:1"}),
        *(
            ({tags.VERSION: odd}, {"contract": odd, "attempt": None})
            for odd in ("1x", "1-beta", "01", "1 ", "1\n", "+1", "11", "0.1")
        ),
        ({tags.VERSION: "2"}, {"contract": "2", "attempt": None, "event": "part", "step": ":0:1"}),
        ({"temporal-mood": "good"}, {"attempt": 2}),
        ({7: "x", b"temporal-attempt": "3"}, {"attempt": 2}),
        ({"other": "x"}, {"attempt": 2}),
    ],
)
def test_malformed_and_newer_tags_are_absent(changes: dict[Any, str], facts: dict[str, Any]):
    raw = text("streaming", "a")
    raw["extras"]["headers"] |= changes
    envelope = read(raw).model_dump()
    for name, value in facts.items():
        found = envelope[name]
        assert ({key: found[key] for key in facts["part"]} if name == "part" and value else found) == value


@pytest.mark.parametrize(
    "raw",
    [
        {"serial": "1", "name": "chat", "data": "hello"},
        {"serial": "1", "name": "chat", "extras": {"headers": {"x-mood": "good"}}},
        {"serial": "1", "name": "ai-output", "extras": {"ai": "text", "headers": ["list"]}},
        {"serial": "1", "name": "ai-output", "extras": {"ai": {"transport": {"run-id": 7}}}},
        {**EVENTS["run-start"][0], "action": 4},
        {**EVENTS["run-start"][0], "action": "message.summary"},
        {**EVENTS["run-start"][0], "action": ["create"]},
        {},
        None,
        "text",
    ],
)
def test_what_is_no_message_of_a_session_is_refused(raw: object):
    with pytest.raises(DecodeError, match=r"unable to read a message; .*; skip it"):
        read(raw)


@pytest.mark.parametrize("name", ["ai-run-pause", "ai-input", "ai-step-end"])
def test_messages_of_the_dialect_that_are_not_understood_tell_no_event(name: str):
    envelope = read({"serial": "1", "name": name, "extras": {"ai": {"transport": {"run-id": "r"}}}})
    assert (envelope.event, envelope.part) == ("", None)


_odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.binary(max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
_keys = st.sampled_from(["serial", "version", "action", "name", "data", "id", "clientId", "timestamp", "encoding"])
_headers = st.sampled_from(
    sorted({*EVENTS["step-start"][0]["extras"]["headers"], tags.PART, tags.STATUS, tags.MESSAGE})
)


@given(
    st.sampled_from([raw for raw, _ in EVENTS.values()]),
    st.dictionaries(_keys, _odd, max_size=3),
    st.dictionaries(_headers, _odd, max_size=3),
    st.sampled_from(["transport", "codec"]),
    st.dictionaries(st.sampled_from(["run-id", "step-id", "kind", "id", "stream", "status"]), _odd, max_size=3),
)
def test_reading_breaks_on_nothing(
    raw: dict[str, Any], changes: dict[str, Any], headers: dict[str, Any], tier: str, dialect: dict[str, Any]
):
    ai = raw["extras"]["ai"]
    extras = {
        "ai": {**ai, tier: {**ai.get(tier, {}), **dialect}},
        "headers": {**raw["extras"].get("headers", {}), **headers},
    }
    try:
        envelope = read({**raw, "extras": extras, **changes})
    except DecodeError:
        return
    assert Envelope.model_validate_json(envelope.model_dump_json()) == envelope


def test_an_envelope_is_frozen_and_documents_each_field():
    envelope = read(EVENTS["run-start"][0])
    with pytest.raises(ValueError, match="frozen"):
        envelope.serial = "9"  # pyright: ignore[reportAttributeAccessIssue] # that is the test
    for model in (Envelope, EnvelopePart):
        properties = model.model_json_schema()["properties"]
        assert [name for name, schema in properties.items() if not schema.get("description")] == []


def test_a_newer_envelope_can_be_read_back():
    envelope = read(EVENTS["whole part"][0])
    stored = {**json.loads(envelope.model_dump_json()), "mood": "good"}
    assert Envelope.model_validate(stored) == envelope
