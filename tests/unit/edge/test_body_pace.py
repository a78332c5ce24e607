"""How fast a body must come: soon, and at so many bytes a second on average."""

from tta_gateway.edge.body_pace import LEAST_RATE, BodyPace


def test_the_next_part_is_due_in_a_while() -> None:
    assert BodyPace(100.0).due(100.0, idle=30.0, received=0) == 130.0
    assert BodyPace(100.0).due(110.0, idle=30.0, received=10**6) == 140.0


def test_a_few_bytes_now_and_then_do_not_make_it_last() -> None:
    assert BodyPace(100.0).due(129.0, idle=30.0, received=1) == 130.0 + 1 / LEAST_RATE


def test_the_time_in_which_nobody_read_it_is_not_the_client_s() -> None:
    pace = BodyPace(100.0)
    pace.pause(110.0)
    pace.resume(160.0)
    assert pace.due(165.0, idle=30.0, received=0) == 180.0
