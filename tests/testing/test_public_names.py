"""The public names of `temporal_ably.testing`, frozen: a change here is a change for users."""

from __future__ import annotations

import inspect
import typing

import pytest
from temporalio import workflow
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

import temporal_ably.testing as public
from temporal_ably.testing import Part
from tests.testing.sandboxed import Nothing

PARTS = {
    "DataPart",
    "FilePart",
    "ReasoningPart",
    "SourceDocumentPart",
    "SourceUrlPart",
    "StepStartPart",
    "TextPart",
    "ToolPart",
}
CLASSES = PARTS | {
    "AblyRecorder",
    "Attempt",
    "Envelope",
    "EnvelopePart",
    "Input",
    "LocalServer",
    "Message",
    "Run",
    "ServerThread",
    "Session",
    "Step",
    "UnknownChannelError",
}


def test_public_names_are_frozen() -> None:
    assert set(public.__all__) == CLASSES | {"Part", "transcript"}


@pytest.mark.parametrize("name", sorted(CLASSES | {"transcript"}))
def test_public_name_resolves_and_is_documented(name: str) -> None:
    found = getattr(public, name)
    assert found.__name__ == name
    assert inspect.getdoc(found)


def test_part_is_any_of_the_parts() -> None:
    assert {each.__name__ for each in typing.get_args(Part)} == PARTS


def test_unknown_name_is_an_ordinary_attribute_error() -> None:
    name = "no_such_name"
    with pytest.raises(AttributeError, match=name):
        getattr(public, name)


async def test_workflow_of_a_module_that_imports_them_all_loads_in_the_sandbox() -> None:
    SandboxedWorkflowRunner().prepare_workflow(workflow._Definition.must_from_class(Nothing))
