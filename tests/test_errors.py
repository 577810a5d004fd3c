from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from temporal_ably import errors

CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]


def parents() -> dict[str, str]:
    return {kind.__name__: kind.__mro__[1].__name__ for kind in CLASSES}


def test_error_tree_is_as_its_docstring_draws_it() -> None:
    drawn: dict[str, str] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        name = line.lstrip("\u2502\u251c\u2514\u2500 ").partition(" ")[0]
        if name.endswith("Error"):
            depth = (len(line) - len(line.lstrip("\u2502\u251c\u2514\u2500 "))) // 4
            above = [*above[:depth], name]
            drawn[name] = above[-2] if depth else "Exception"
    assert drawn == parents()


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_can_be_caught_as_ours_and_keeps_its_text(kind: type[Exception]) -> None:
    error = kind("unable to do it; no; try again")
    assert isinstance(error, errors.TemporalAblyError)
    assert str(error) == "unable to do it; no; try again"


def test_publish_error_says_whether_the_same_may_succeed_later() -> None:
    error = errors.ChannelRuleError("unable", code=93002, retryable=False, channel="ai:wf")
    assert (error.code, error.retryable, error.channel) == (93002, False, "ai:wf")


def test_publish_error_is_retryable_unless_it_says_otherwise() -> None:
    error = errors.ConnectionLostError("unable")
    assert (error.code, error.retryable, error.channel) == (0, True, "")


def test_errors_load_nothing_else() -> None:
    program = (
        "import importlib.util, sys; before = set(sys.modules)\n"
        f"spec = importlib.util.spec_from_file_location('alone', {errors.__file__!r})\n"
        "spec.loader.exec_module(importlib.util.module_from_spec(spec))\n"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "['__future__']"
