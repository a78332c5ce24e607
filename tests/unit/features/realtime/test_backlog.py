"""What waits for a client: order in each channel, and urgency over channels."""

from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.realtime.backlog import MOST_AT_ONCE, Backlog, Message

MESSAGE = st.tuples(st.sampled_from(["", "a", "b", "c"]), st.booleans())


def drained(backlog: Backlog) -> list[bytes]:
    out = []
    while taken := backlog.take():
        assert len(taken) <= MOST_AT_ONCE
        out += taken
    return out


def numbered(messages: list[tuple[str, bool]]) -> list[Message]:
    return [
        Message(b"%d" % number, channel, urgent=urgent)
        for number, (channel, urgent) in enumerate(messages)
    ]


@given(steps=st.lists(MESSAGE | st.none(), max_size=60))
def test_no_channel_is_ever_reordered_and_nothing_lost(
    steps: list[tuple[str, bool] | None],
) -> None:
    backlog, out = Backlog(), []
    messages = numbered([step for step in steps if step is not None])
    coming = iter(messages)
    for step in steps:
        if step is None:
            out += backlog.take()
        else:
            backlog.add(next(coming))
    out += drained(backlog)
    assert sorted(out) == sorted(each.data for each in messages)
    assert backlog.size == 0
    for channel in ("a", "b", "c"):
        of_it = [each.data for each in messages if each.channel == channel]
        assert [data for data in out if data in of_it] == of_it


@given(waiting=st.lists(st.sampled_from(["", "a", "b"]), max_size=40))
def test_what_is_urgent_overtakes_other_channels(waiting: list[str]) -> None:
    backlog = Backlog()
    for message in numbered([(channel, False) for channel in waiting]):
        backlog.add(message)
    backlog.add(Message(b"help", "a", urgent=True))
    out = drained(backlog)
    assert out.index(b"help") == waiting.count("a")


def test_a_ping_goes_first_and_takes_nothing_along() -> None:
    backlog = Backlog()
    backlog.add(Message(b"reply"))
    backlog.add(Message(b"ping", urgent=True))
    assert backlog.take() == [b"ping", b"reply"]


def test_a_frame_has_not_much_more_than_is_enough() -> None:
    backlog = Backlog()
    for channel, urgent in (("a", True), ("a", True), ("a", True), ("b", False)):
        backlog.add(Message(b"x" * 40_000, channel, urgent=urgent))
    assert [len(backlog.take()), len(backlog.take()), len(backlog.take())] == [2, 2, 0]


def test_what_is_cleared_is_gone() -> None:
    backlog = Backlog()
    backlog.add(Message(b"a"))
    backlog.add(Message(b"b", urgent=True))
    backlog.clear()
    assert (backlog.size, backlog.take()) == (0, [])
