"""Identities: from facts about a workflow to session, run, node and step.

The rule of the file: everything here is computed from facts that Temporal keeps unchanged when a
workflow is replayed, retried, continued or reset, so that every attempt names the same things.
Source for the facts: Temporal server 1.32 and temporalio 1.35, as observed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from string import Formatter
from typing import TYPE_CHECKING

from temporal_ably.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_TEMPLATE = "ai:{root_workflow_id}"
TEMPLATE_VARIABLES = ("root_workflow_id", "workflow_id", "workflow_type", "namespace")
HEADER_VERSION = 1

_COUNT = re.compile(r"[0-9]{1,19}")
_UNSAFE_IN_NAME = re.compile(r"[%,\s\x00-\x1f\x7f]")
_UNSAFE_IN_TURN = re.compile(r"[^A-Za-z0-9_.-]")
_NUMBERS = re.compile(r"[0-9]+(\.[0-9]+)+")


@dataclass(frozen=True)
class WorkflowFacts:
    """What Temporal says of one workflow run. Times are in microseconds since the epoch."""

    namespace: str
    workflow_id: str
    workflow_type: str
    run_id: str
    first_execution_run_id: str
    original_execution_run_id: str
    continued_run_id: str | None
    root_workflow_id: str
    attempt: int
    cron: bool
    started_us: int


@dataclass(frozen=True)
class Sweep:
    """Steps that a retried or reset workflow run replaces.

    Dead are the steps below ``node`` whose newest attempt started before ``since_us`` and that stand
    at or after ``first``, a (segment, ordinal) of the node.
    """

    node: str
    since_us: int
    first: tuple[int, int]


@dataclass(frozen=True)
class Reset:
    """The reset workflow run that this execution descends from."""

    run_id: str
    workflow_id: str
    chain: str


@dataclass(frozen=True)
class Binding:
    """Where the output of one workflow run goes.

    ``run`` belongs to the workflow ``owner_id`` whose first run of the chain is ``owner_chain``
    (``None`` where only a single run is known). ``node`` is empty for the owner itself and a path
    of ``/segment.ordinal`` for a child. ``input`` is the event id of the input that the run answers and
    ``client_id`` who it is for, both empty where nobody said. ``turn`` is set within a turn of a workflow,
    whose run is the turn's; ``update`` with it where the turn is an update. ``resumed`` counts how often
    the run has gone on after it was suspended, and ``heard`` are the event ids of inputs that came to the workflow
    until then, one of which may be the reason.
    """

    session: str
    run: str
    owner_id: str
    owner_chain: str | None
    node: str = ""
    segment: int = 0
    reset: Reset | None = None
    sweeps: tuple[Sweep, ...] = ()
    input: str = ""
    client_id: str = ""
    turn: str = ""
    update: str = ""
    resumed: int = 0
    heard: tuple[str, ...] = ()


@dataclass(frozen=True)
class Header:
    """What the ``temporal-ably`` Temporal header carries.

    ``binding`` is ``None`` where a client or a parent binds a session only: a workflow that was started
    so gets its own run. ``input`` and ``client_id`` are a client's then, as in ``Binding``. ``ordinal`` is
    set for activities; ``continued_from`` names the run that continued as new.
    """

    session: str
    binding: Binding | None = None
    ordinal: int | None = None
    continued_from: str | None = None
    input: str = ""
    client_id: str = ""


def check_template(template: str) -> None:
    """Check a session template.

    Raises:
        SettingsError: if it names an unknown variable or holds a character that a channel name
            may not hold.
    """
    known = ", ".join(f"{{{name}}}" for name in TEMPLATE_VARIABLES)
    try:
        pieces = list(Formatter().parse(template))
    except ValueError as err:
        raise SettingsError(
            f"unable to use ABLY_SESSION_TEMPLATE {template!r}; {err}; write variables as {known}"
        ) from err
    for literal, name, spec, conversion in pieces:
        if _UNSAFE_IN_NAME.search(literal):
            raise SettingsError(
                f"unable to use ABLY_SESSION_TEMPLATE {template!r}; a channel name holds no comma, percent sign, "
                "white space or control character; remove it"
            )
        if name is not None and (name not in TEMPLATE_VARIABLES or spec or conversion):
            raise SettingsError(
                f"unable to use ABLY_SESSION_TEMPLATE {template!r}; {{{name}}} is not a variable; use any of {known}"
            )
    if not template or template[0] in "[:":
        raise SettingsError(
            f"unable to use ABLY_SESSION_TEMPLATE {template!r}; a channel name is not empty and does not begin with "
            "'[' or ':'; begin it with a namespace, as in 'ai:{root_workflow_id}'"
        )


def render_session(template: str, variables: Mapping[str, str]) -> str:
    """Give the channel name for a workflow.

    Args:
        template: a template that ``check_template`` accepts.
        variables: a value for each of ``TEMPLATE_VARIABLES``.
    """
    name = template.format_map({key: _UNSAFE_IN_NAME.sub(_percent, value) for key, value in variables.items()})
    return _percent_text(name[0]) + name[1:] if name[:1] in ("[", ":") else name


def _percent(match: re.Match[str]) -> str:
    return _percent_text(match.group())


def _percent_text(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def bind(facts: WorkflowFacts, header: Header | None, template: str, asked: Header | None = None) -> Binding:
    """Bind a workflow run to its session and run.

    Args:
        facts: what Temporal says of the run.
        header: the decoded ``temporal-ably`` header of its start, if any.
        template: the session template, used where nothing else gives the session.
        asked: session and input by the workflow's first argument, if it names them.
    """
    inherited = header.binding if header else None
    if inherited is None or (header is not None and _is_next_tick(facts, header)):
        inherited = _own_run(facts, header, template, asked)
    reset = inherited.reset
    if facts.run_id != facts.original_execution_run_id:
        reset = Reset(facts.run_id, facts.workflow_id, facts.first_execution_run_id)
    bound = replace(inherited, reset=reset)
    if facts.attempt == 1:
        return bound
    # A retry repeats one run of the chain: what earlier runs wrote before they continued as new stays.
    return with_sweep(bound, Sweep(bound.node, facts.started_us, (bound.segment, 0)))


def _own_run(facts: WorkflowFacts, header: Header | None, template: str, asked: Header | None) -> Binding:
    said = header or asked
    session = said.session if said else render_session(template, _variables(facts))
    # Who starts a workflow may give the session alone, and the input by its argument.
    wish = asked if asked is not None and asked.session == session and not (header and header.input) else header
    run = facts.first_execution_run_id
    if facts.cron:
        # All ticks share the first run id. A second attempt of a tick names the first as the run it
        # continues; a third cannot know it and gets a run of its own.
        first_of_tick = facts.original_execution_run_id if facts.attempt == 1 else facts.continued_run_id
        run = f"{run}/{first_of_tick}"
    return Binding(
        session,
        run,
        facts.workflow_id,
        facts.first_execution_run_id,
        input=wish.input if wish else "",
        client_id=(header.client_id if header else "") or (wish.client_id if wish else ""),
    )


def _is_next_tick(facts: WorkflowFacts, header: Header) -> bool:
    # The server copies start headers to the next tick of a cron schedule, also those that came
    # with continue-as-new; only the direct successor continues the run that they name.
    return (
        facts.cron
        and header.continued_from is not None
        and facts.attempt == 1
        and facts.continued_run_id != header.continued_from
    )


def _variables(facts: WorkflowFacts) -> dict[str, str]:
    return {
        "root_workflow_id": facts.root_workflow_id,
        "workflow_id": facts.workflow_id,
        "workflow_type": facts.workflow_type,
        "namespace": facts.namespace,
    }


def with_sweep(binding: Binding, sweep: Sweep) -> Binding:
    """Add a sweep, in place of an earlier one of the same node."""
    kept = tuple(each for each in binding.sweeps if each.node != sweep.node)
    return replace(binding, sweeps=(*kept, sweep))


def child_binding(parent: Binding, ordinal: int) -> Binding:
    """Give the binding of the child workflow that ``parent`` starts as its ``ordinal``-th."""
    return replace(parent, node=f"{parent.node}/{parent.segment}.{ordinal}", segment=0)


def turn_name(segment: int, attempt: int, turn: int) -> str:
    """Name the ``turn``-th turn of a workflow run, so that none of the chain has the same.

    A retry of the workflow does not do again what signals brought, so its turns are none that were before.
    """
    return f"{segment}.{turn}" if attempt == 1 else f"{segment}.{turn}.{attempt}"


def update_name(segment: int, attempt: int, update: str) -> str:
    """Name the turn that an update is; its id, which anyone may choose, is unique within the workflow run only."""
    name = _UNSAFE_IN_TURN.sub(_percent, update)
    if _NUMBERS.fullmatch(name):
        # Other turns have such names.
        name = name.replace(".", "%2E")
    return name if (segment, attempt) == (0, 1) else f"{segment}.{attempt}/{name}"


def turn_binding(bound: Binding, turn: str, asked: Header | None, *, update: str = "") -> Binding:
    """Give the binding of what a workflow does in a turn: a run of its own.

    Args:
        bound: the workflow's.
        turn: its name, as ``turn_name`` or ``update_name`` gives it.
        asked: what its input and its client are, and in which session, if that was said.
        update: the id of the update that the turn is, if it is one.
    """
    return replace(
        bound,
        session=asked.session if asked else bound.session,
        run=f"{bound.run}/{turn}",
        input=asked.input if asked else "",
        client_id=asked.client_id if asked else "",
        turn=turn,
        update=update,
        resumed=0,
        heard=(),
    )


def resumed_binding(bound: Binding, times: int, heard: tuple[str, ...]) -> Binding:
    """Give the binding of what a workflow does after it waited.

    Args:
        bound: as it was before.
        times: how often it has gone on since.
        heard: event ids of inputs that came to it until the last time.
    """
    return replace(bound, resumed=bound.resumed + times, heard=heard) if times else bound


def step_id(binding: Binding, ordinal: int) -> str:
    """Name the step of the activity that a workflow run starts as its ``ordinal``-th."""
    return f"{binding.node}:{binding.segment}:{ordinal}"


def is_swept(step: str, started_us: int, sweep: Sweep) -> bool:
    """Tell whether a sweep replaces a step whose newest attempt started at ``started_us``."""
    place = _place_below(step, sweep.node)
    return place is not None and started_us < sweep.since_us and place >= sweep.first


def repeated_since(step: str, sweeps: tuple[Sweep, ...]) -> int:
    """Tell when the newest workflow run began that repeats a step, in microseconds; 0 where none does."""
    places = ((sweep, _place_below(step, sweep.node)) for sweep in sweeps)
    return max((sweep.since_us for sweep, place in places if place is not None and place >= sweep.first), default=0)


def _place_below(step: str, node: str) -> tuple[int, int] | None:
    path, _, own = step.partition(":")
    if path == node:
        segment, _, ordinal = own.partition(":")
    elif path.startswith(f"{node}/"):
        segment, _, ordinal = path[len(node) + 1 :].partition("/")[0].partition(".")
    else:
        return None
    return (int(segment), int(ordinal)) if _COUNT.fullmatch(segment) and _COUNT.fullmatch(ordinal) else None
