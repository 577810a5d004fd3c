"""What stands on the channel: every tag of every message, as the contract has it."""

from __future__ import annotations

import json
from dataclasses import replace

from temporal_ably._publisher import messages
from temporal_ably._publisher.bundle import Bundle
from temporal_ably._publisher.stream import Stream
from temporal_ably._wire.operations import Append, Publish, Update
from temporal_ably._wire.parts import Streamed, Whole
from tests.publisher.model import ORIGIN, PLAN, TEXT, headers_of

RUN_TAGS = {
    "temporal-v": "1",
    "temporal-session-run": "run",
    "temporal-workflow-id": "wf",
    "temporal-run-id": "wf-run",
}
STEP_TAGS = RUN_TAGS | {
    "temporal-activity-id": "1",
    "temporal-attempt": "1",
    "temporal-started": "1000",
    "temporal-step": ":0:1",
    "temporal-length": "0",
}
PART_TAGS = STEP_TAGS | {"temporal-event": "part", "temporal-message": "3"}
CALL = Streamed("tool-input", "c1", {"toolCallId": "c1", "toolName": "getWeather", "dynamic": "true"})


def frame(name: str, plan: messages.Plan = PLAN) -> dict[str, str]:
    operation = messages.frame(plan, name, "s9", "failed")
    assert isinstance(operation, Publish)
    [message] = operation.messages
    return dict(headers_of(message))


def bundle(*parts: Whole, stream: Stream | None = None) -> Bundle:
    made = Bundle(5, 0.0)
    for part in parts:
        made.add(3, part)
    made.stream = stream
    return made


def created(*parts: Whole, stream: Stream | None = None) -> Publish:
    operation = messages.creation(PLAN, "s9", bundle(*parts, stream=stream))
    assert isinstance(operation, Publish)
    return operation


def test_run_start_tells_of_the_runs_owner_alone() -> None:
    plan = replace(PLAN, owner_id="root", owner_run_id="root-run")
    owner = {"temporal-workflow-id": "root", "temporal-run-id": "root-run"}
    assert frame("run-start", plan) == RUN_TAGS | owner | {"temporal-event": "run-start"}


def test_step_start_tells_who_writes() -> None:
    plan = replace(PLAN, origin=replace(ORIGIN, agent="Ada"))
    assert frame("step-start", plan) == STEP_TAGS | {
        "temporal-event": "step-start",
        "temporal-activity-type": "answer",
        "temporal-workflow-type": "Chat",
        "temporal-agent": "Ada",
    }


def test_step_start_carries_trace_and_place_only_where_they_are_asked_for() -> None:
    added = frame("step-start", replace(PLAN, traceparent="00-1-2-01", full_tags=True)).items()
    assert dict(added - frame("step-start").items()) == {
        "traceparent": "00-1-2-01",
        "temporal-namespace": "default",
        "temporal-task-queue": "tasks",
    }


def test_step_end_tells_how_it_ended() -> None:
    assert frame("step-end") == STEP_TAGS | {"temporal-event": "step-end", "temporal-reason": "failed"}


def test_step_that_a_later_try_repeats_keeps_its_name_in_the_tags() -> None:
    assert frame("step-start", replace(PLAN, since_us=700))["temporal-step"] == ":0:1"


def test_whole_part_is_described_by_its_typed_fields_and_has_no_status() -> None:
    part = Whole("tool-output-available", {"toolCallId": "c1", "preliminary": "true"}, {"output": 1})
    [message] = created(part).messages
    described = {"type": "tool-output-available", "toolCallId": "c1", "preliminary": True}
    assert headers_of(message) == PART_TAGS | {"temporal-part": headers_of(message)["temporal-part"]}
    assert json.loads(headers_of(message)["temporal-part"]) == described
    assert message.data == {"output": 1}


def test_provider_metadata_is_for_the_provider_alone_and_not_in_the_tags() -> None:
    [message] = created(Whole("file", {"mediaType": "image/png", "providerMetadata": '{"sig":"x"}'}, "u")).messages
    assert headers_of(message)["temporal-part"] == '{"type":"file","mediaType":"image/png"}'


def test_ephemeral_part_says_so_to_ably() -> None:
    kept, passing = created(Whole("data-a", {}), Whole("data-a", {}, ephemeral=True)).messages
    assert "ephemeral" not in kept.extras
    assert passing.extras["ephemeral"] is True


def test_streamed_part_is_opened_empty_and_as_streaming() -> None:
    stream = Stream(3, CALL)
    stream.push("early", 0.0)
    [message] = created(stream=stream).messages
    assert headers_of(message) == PART_TAGS | {
        "temporal-part": '{"type":"tool-input","toolCallId":"c1","toolName":"getWeather","dynamic":true}',
        "temporal-status": "streaming",
    }
    assert message.data == ""


def stream_with(text: str, part: Streamed = TEXT) -> Stream:
    stream = Stream(3, part)
    stream.sent(stream.move(), 0.0)
    stream.acked("s1")
    stream.push(text, 0.0)
    return stream


def test_append_counts_code_points_and_lost_ones() -> None:
    stream = stream_with("h\u00e9\U0001f600")
    stream.lose(10)
    operation = messages.change(PLAN, "s9", stream, stream.move())
    assert isinstance(operation, Append)
    assert headers_of(operation.message)["temporal-length"] == "13"
    assert headers_of(operation.message)["temporal-status"] == "streaming"
    assert (operation.serial, operation.message.data) == ("s1", "h\u00e9\U0001f600")


def test_close_lays_its_fields_over_those_of_the_start() -> None:
    stream = stream_with("{}", CALL)
    stream.close("complete", 0.0, {"toolName": "getForecast"})
    operation = messages.change(PLAN, "s9", stream, stream.move())
    assert isinstance(operation, Append)
    assert headers_of(operation.message)["temporal-status"] == "complete"
    assert json.loads(headers_of(operation.message)["temporal-part"]) == {
        "type": "tool-input",
        "toolCallId": "c1",
        "toolName": "getForecast",
        "dynamic": True,
    }


def test_doubt_is_repaired_by_an_update() -> None:
    stream = stream_with("a")
    stream.sent(stream.move(), 0.0)
    stream.doubted()
    assert isinstance(messages.change(PLAN, "s9", stream, stream.move()), Update)


def test_ids_name_the_attempt_the_bundle_and_the_place_in_it() -> None:
    publish = created(Whole("start-step", {}), Whole("start-step", {}), stream=Stream(3, TEXT))
    assert [message.id for message in publish.messages] == [f"run/:0:1/1000/5:{n}" for n in range(3)]


def test_message_is_named_by_run_step_and_number_whatever_the_attempt() -> None:
    later = replace(PLAN, since_us=5, origin=replace(ORIGIN, started_us=2000))
    assert messages.message_id(PLAN, 3) == messages.message_id(later, 3) == "run/:0:1/3"
