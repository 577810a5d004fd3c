from temporal_ably._session.order import AttemptKey


def test_the_attempt_that_started_last_is_canonical_though_a_zombie_opened_later():
    retry, zombie = AttemptKey(2000, "0005"), AttemptKey(1000, "0009")
    assert max(retry, zombie) == retry


def test_equal_start_times_are_decided_by_the_serial_of_the_opening():
    assert max(AttemptKey(1000, "0005"), AttemptKey(1000, "0009")).serial == "0009"
