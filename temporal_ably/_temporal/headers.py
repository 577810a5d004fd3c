"""The ``temporal-ably`` Temporal header: written and read side by side.

It is small JSON by Temporal's default converter, whatever the user's converter is. Changing
headers does not break replay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from temporalio.converter import DataConverter

from temporal_ably._temporal.invocation import read_invocation
from temporal_ably._wire.identity import HEADER_VERSION, Binding, Header, Reset, Sweep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from temporalio.api.common.v1 import Payload

NAME = "temporal-ably"

_CONVERTER = DataConverter.default.payload_converter


def inject(headers: Mapping[str, Payload], header: Header) -> dict[str, Payload]:
    """Give the headers with ours added."""
    return {**headers, NAME: _CONVERTER.to_payload(_dump(header))}


def extract(headers: Mapping[str, Payload]) -> Header | None:
    """Read our header, ``None`` where it is absent, unreadable, or of a version that is not known."""
    payload = headers.get(NAME)
    if payload is None:
        return None
    try:
        fields = cast("dict[str, object]", _CONVERTER.from_payload(payload, dict))
        known = fields.get("v") == HEADER_VERSION and isinstance(fields.get("session"), str)
        return _load(fields) if known else None
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        # Nothing of ours may fail a user's activity or workflow task.
        return None


def asked_by(value: object) -> Header | None:
    """Give what a value asks that has the shape of an ``Invocation``, ``None`` for any other."""
    read = read_invocation(value)
    return Header(read[0], input=read[1]) if read is not None else None


def asked_by_first(args: Sequence[object]) -> Header | None:
    """Give what the first argument asks."""
    return asked_by(args[0]) if args else None


def _dump(header: Header) -> dict[str, object]:
    fields: dict[str, object] = {"v": HEADER_VERSION, "session": header.session}
    if header.ordinal is not None:
        fields["n"] = header.ordinal
    if header.continued_from is not None:
        fields["from"] = header.continued_from
    bound = header.binding
    said = header if bound is None else bound
    fields |= {name: value for name, value in (("input", said.input), ("client", said.client_id)) if value}
    if bound is None:
        return fields
    fields |= {"run": bound.run, "owner": bound.owner_id, "chain": bound.owner_chain}
    fields |= {"node": bound.node, "segment": bound.segment}
    if bound.turn:
        fields["turn"] = [bound.turn, bound.update]
    if bound.resumed:
        fields["resumed"] = bound.resumed
    if bound.heard:
        fields["heard"] = bound.heard
    if bound.reset is not None:
        fields["reset"] = [bound.reset.run_id, bound.reset.workflow_id, bound.reset.chain]
    if bound.sweeps:
        fields["sweeps"] = [[each.node, each.since_us, each.first] for each in bound.sweeps]
    return fields


def _load(fields: dict[str, object]) -> Header:
    bound = _load_binding(fields) if "run" in fields else None
    return Header(
        cast("str", fields["session"]),
        bound,
        cast("int | None", fields.get("n")),
        cast("str | None", fields.get("from")),
        cast("str", fields.get("input", "")) if bound is None else "",
        cast("str", fields.get("client", "")) if bound is None else "",
    )


def _load_binding(fields: dict[str, object]) -> Binding:
    reset = cast("list[str] | None", fields.get("reset"))
    sweeps = cast("list[tuple[str, int, list[int]]]", fields.get("sweeps", []))
    turn, update = cast("list[str]", fields.get("turn", ["", ""]))
    return Binding(
        session=cast("str", fields["session"]),
        run=cast("str", fields["run"]),
        owner_id=cast("str", fields["owner"]),
        owner_chain=cast("str | None", fields["chain"]),
        node=cast("str", fields["node"]),
        segment=cast("int", fields["segment"]),
        reset=Reset(*reset) if reset else None,
        sweeps=tuple(Sweep(node, since, (first[0], first[1])) for node, since, first in sweeps),
        input=cast("str", fields.get("input", "")),
        client_id=cast("str", fields.get("client", "")),
        turn=turn,
        update=update,
        resumed=cast("int", fields.get("resumed", 0)),
        heard=tuple(cast("list[str]", fields.get("heard", []))),
    )
