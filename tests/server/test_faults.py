from __future__ import annotations

from typing import TYPE_CHECKING

from temporal_ably.server.faults import Fault, FaultKind, FaultRules

if TYPE_CHECKING:
    from temporal_ably.server.wire import Wire


def test_a_fault_meets_as_many_operations_as_it_was_asked_for() -> None:
    rules = FaultRules()
    rules.add(Fault(FaultKind.REFUSE, remaining=2))
    met = [rules.take("x", [{}]) for _ in range(3)]
    assert [fault.kind if fault else None for fault in met] == [FaultKind.REFUSE, FaultKind.REFUSE, None]


def test_a_fault_waits_for_its_operation() -> None:
    rules = FaultRules()

    def is_append_on_x(message: Wire) -> bool:
        return message.get("action") == 5 and message["channel"] == "x"

    rules.add(Fault(FaultKind.CUT, match=is_append_on_x))
    assert rules.take("x", [{"action": 0}]) is None
    assert rules.take("y", [{"action": 5}]) is None
    assert rules.take("x", [{"action": 0}, {"action": 5}]) is not None


def test_faults_are_met_in_the_order_in_which_they_were_asked_for() -> None:
    rules = FaultRules()
    rules.add(Fault(FaultKind.DELAY))
    rules.add(Fault(FaultKind.IGNORE))
    met = [rules.take("x", [{}]) for _ in range(2)]
    assert [fault.kind for fault in met if fault] == [FaultKind.DELAY, FaultKind.IGNORE]


def test_resumes_are_refused_as_often_as_asked_for() -> None:
    rules = FaultRules()
    rules.resumes_to_refuse = 1
    assert [rules.take_refused_resume() for _ in range(3)] == [True, False, False]


def test_clients_that_match_are_kept_out() -> None:
    rules = FaultRules()
    assert not rules.keeps_out({"clientId": "alice"})
    rules.cut_off.append(lambda about: about.get("clientId") == "alice")
    assert [rules.keeps_out({"clientId": client}) for client in ("alice", "bob")] == [True, False]
