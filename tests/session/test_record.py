import pytest

from temporal_ably._session.model import Action, Delivery
from temporal_ably._session.record import Record


def _delivery(version: int, action: Action, data: str | None, status: str = "streaming") -> Delivery:
    return Delivery("0001", f"{version:04d}", action, "ai-output", data, {"ai": {"transport": {"status": status}}})


CREATE = _delivery(1, "create", "")
A = _delivery(2, "append", "A")
B = _delivery(3, "append", "B")
C = _delivery(4, "append", "C", "complete")
UP_TO_B = _delivery(3, "update", "AB")


@pytest.mark.parametrize(
    ("deliveries", "text"),
    [
        pytest.param([CREATE], "", id="created"),
        pytest.param([CREATE, A, B, C], "ABC", id="in order"),
        pytest.param([CREATE, A, A, B, B, C, A], "ABC", id="repeated"),
        pytest.param([CREATE, C, A, B], "ABC", id="appends out of order"),
        pytest.param([A, B, CREATE, C], "ABC", id="created late"),
        pytest.param([UP_TO_B, C], "ABC", id="joined mid-stream"),
        pytest.param([C, UP_TO_B], "ABC", id="joined mid-stream, out of order"),
        pytest.param([CREATE, A, UP_TO_B, B, C], "ABC", id="update among appends"),
        pytest.param([CREATE, A, B, C, UP_TO_B], "ABC", id="old update"),
        pytest.param([CREATE, A, _delivery(9, "update", "other")], "other", id="update replaces"),
    ],
)
def test_content_depends_on_the_set_of_deliveries_alone(deliveries: list[Delivery], text: str):
    record = Record()
    for delivery in deliveries:
        record.apply(delivery)
    assert record.message is not None
    assert record.message.data == text


def test_appends_to_an_unknown_message_show_nothing_until_its_content_arrives():
    record = Record()
    assert not record.apply(C)
    assert record.message is None
    assert record.apply(UP_TO_B)
    assert record.message is not None


@pytest.mark.parametrize("repeated", [CREATE, A, B])
def test_a_repeated_delivery_changes_nothing(repeated: Delivery):
    record = Record()
    for delivery in (CREATE, A, B):
        record.apply(delivery)
    assert not record.apply(repeated)


def test_headers_are_those_of_the_latest_operation():
    record = Record()
    for delivery in (CREATE, C, A):
        record.apply(delivery)
    assert record.message is not None
    assert record.message.extras == C.extras


def test_a_deleted_message_is_gone_and_later_appends_do_not_bring_it_back():
    record = Record()
    for delivery in (CREATE, A, _delivery(5, "delete", None), _delivery(6, "append", "D")):
        record.apply(delivery)
    assert record.message is None


def test_content_that_is_not_text_is_kept_as_it_is():
    record = Record()
    record.apply(_delivery(1, "create", None))
    assert record.message is not None
    assert record.message.data is None
