"""The table of alerts: whatever happens, each is told once when it begins and once when it ends."""

from typing import Final, get_args

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.alerting import endpoint, service
from tta_gateway.features.alerts.algorithm import BEGINS, ENDS, TOLD, Table
from tta_gateway.features.alerts.bound import Kept, Notice, Rules, State
from tta_gateway.features.alerts.reading import turns_of
from tta_gateway.kernel.events import BreakerChanged, EndpointChange, Event

RULES: Final = Rules(wait=5.0, calm=30.0, repeat=3600.0, flaps=4, flaps_within=600.0)
Reasons = list[str]


class Story:
    """What happens, second by second, and what is told of it."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.table = Table(rules)
        self.told: list[tuple[float, Notice]] = []
        self.now = 0.0

    def happens(self, *events: Event) -> None:
        for event in events:
            for turn in turns_of(event):
                self.table.take(turn)

    def passes(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1.0
            self.told += [(self.now, one) for one in self.table.tick(self.now)]

    @property
    def reasons(self) -> Reasons:
        return [one.reason for _, one in self.told]

    @property
    def moments(self) -> list[float]:
        return [at for at, _ in self.told]


def test_every_state_has_an_answer_to_everything() -> None:
    states = set(get_args(State))
    assert set(BEGINS) == set(ENDS) == set(TOLD) == states
    assert {*BEGINS.values(), *ENDS.values(), *TOLD.values()} == states


def test_an_alert_is_told_once_with_its_cause_and_once_when_it_is_over() -> None:
    story = Story()
    story.happens(endpoint("down", cause="status 503"))
    story.passes(100)
    story.happens(endpoint("up", at=100.0))
    story.passes(100)
    assert [(at, one.reason) for at, one in story.told] == [(5.0, "new"), (130.0, "resolved")]
    first, last = (one.alert for _, one in story.told)
    assert (first.cause, first.ended, first.state) == ("status 503", 0.0, "firing")
    assert (last.began, last.ended, last.recovery) == (0.0, 100.0, "it passes its checks again")
    assert story.table.alerts == {}


def test_what_two_workers_see_is_one() -> None:
    story = Story()
    for by in ("worker 1", "worker 2"):
        story.happens(endpoint("ejected", until=30.0, by=by))
    story.passes(29)
    for by in ("worker 1", "worker 2"):
        story.happens(endpoint("let_back_in", at=30.0, by=by))
    story.passes(60)
    assert story.reasons == ["new", "resolved"]


def test_it_lasts_as_long_as_the_last_worker_s_ejection() -> None:
    story = Story()
    story.happens(endpoint("ejected", until=30.0), endpoint("ejected", at=1.0, until=60.0))
    story.passes(30)
    story.happens(endpoint("let_back_in", at=30.0))
    story.passes(30)
    story.happens(endpoint("let_back_in", at=60.0))
    story.passes(60)
    assert [(at, one.alert.ended) for at, one in story.told] == [(5.0, 0.0), (90.0, 60.0)]


def test_an_ejection_that_nobody_ends_ends_by_itself() -> None:
    story = Story()
    story.happens(endpoint("ejected", until=30.0))
    story.passes(100)
    assert story.reasons == ["new", "resolved"]
    assert story.told[-1][1].alert.recovery == "nothing was heard of it any more"


def test_a_breaker_that_tries_lasts_and_begins_nothing() -> None:
    half = BreakerChanged(service="s", route="/", state="half_open", at=80.0, until=0.0)
    story = Story()
    story.happens(half)
    assert story.table.alerts == {}
    story.happens(BreakerChanged(service="s", route="/", state="open", at=0.0, until=30.0))
    story.passes(80)
    story.happens(half)
    story.passes(30)
    assert story.reasons == ["new"]


def test_a_short_pause_of_the_cause_is_no_recovery() -> None:
    story = Story()
    story.happens(endpoint("ejected", until=30.0))
    story.passes(30)
    story.happens(endpoint("let_back_in", at=30.0))
    story.passes(10)
    story.happens(endpoint("ejected", at=40.0, until=100.0))
    story.passes(50)
    assert story.reasons == ["new"]


def test_an_endpoint_that_is_dead_whenever_it_is_let_back_in_does_not_flap() -> None:
    story = Story()
    for begin in range(0, 600, 40):
        story.happens(endpoint("ejected", at=float(begin), until=begin + 30.0))
        story.passes(30)
        story.happens(endpoint("let_back_in", at=begin + 30.0))
        story.passes(10)
    assert story.reasons == ["new"]


def test_what_was_over_before_it_was_told_is_told_all_the_same() -> None:
    story = Story()
    story.happens(endpoint("down"), endpoint("up", at=1.0))
    story.passes(60)
    assert [(at, one.reason) for at, one in story.told] == [(5.0, "new"), (31.0, "resolved")]


def test_what_begins_again_before_it_was_told_is_told_once() -> None:
    story = Story()
    story.happens(endpoint("down"), endpoint("up", at=1.0), endpoint("down", at=2.0))
    story.passes(60)
    assert (story.reasons, [one.state for one in story.table.alerts.values()]) == (
        ["new"],
        ["firing"],
    )


def test_what_happens_together_is_told_together() -> None:
    story = Story()
    story.happens(endpoint("down"))
    story.passes(3)
    story.happens(endpoint("down", at=3.0, name="10.0.0.2:80"), service("unhealthy", at=4.0))
    story.passes(10)
    assert story.moments == [5.0, 5.0, 5.0]


def test_what_lasts_is_told_again() -> None:
    story = Story()
    story.happens(endpoint("down"))
    story.passes(2 * 3600 + 10)
    assert [(at, one.reason) for at, one in story.told] == [
        (5.0, "new"),
        (3605.0, "repeat"),
        (7205.0, "repeat"),
    ]


def test_what_begins_again_and_again_is_told_as_flapping_once() -> None:
    story = Story()
    for begin in range(0, 200, 20):
        story.happens(endpoint("down", at=float(begin)))
        story.passes(10)
        story.happens(endpoint("up", at=begin + 10.0))
        story.passes(10)
    story.passes(400)
    assert [(at, one.reason) for at, one in story.told] == [
        (5.0, "new"),
        (61.0, "flapping"),
        (490.0, "resolved"),
    ]
    assert story.told[1][1].alert.times == 4


def test_what_was_over_each_time_flaps_too() -> None:
    story = Story()
    for begin in range(0, 400, 100):
        story.happens(endpoint("down", at=float(begin)))
        story.passes(50)
        story.happens(endpoint("up", at=begin + 50.0))
        story.passes(50)
    assert story.reasons == ["new", "resolved", "new", "resolved", "new", "resolved", "flapping"]


def test_what_is_long_past_does_not_make_it_flap() -> None:
    story = Story()
    for _ in range(6):
        story.happens(endpoint("down", at=story.now))
        story.passes(100)
        story.happens(endpoint("up", at=story.now))
        story.passes(200)
    assert story.reasons == ["new", "resolved"] * 6
    story.passes(600)
    assert story.table.keep() == Kept()


def test_a_service_that_is_not_configured_any_more_has_no_alerts() -> None:
    story = Story()
    story.happens(endpoint("down"), service("degraded"))
    story.passes(10)
    story.table.retain(["others"], at=10.0)
    story.table.retain(["others"], at=11.0)
    story.passes(60)
    assert story.reasons == ["new", "new", "resolved", "resolved"]
    assert story.moments[2:] == [40.0, 40.0]


def test_services_that_stay_keep_theirs() -> None:
    story = Story()
    story.happens(endpoint("down"))
    story.table.retain(["players"], at=1.0)
    assert not any(one.is_away for one in story.table.alerts.values())


def test_the_next_control_goes_on_where_this_one_stopped() -> None:
    story = Story()
    for begin in (0.0, 10.0, 20.0):
        story.happens(endpoint("down", at=begin), endpoint("up", at=begin + 5.0))
    story.passes(30)
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(story.table.keep()), type=Kept)
    after = Story()
    after.now = story.now
    after.table.recover(kept)
    assert after.table.changed
    after.happens(endpoint("down", at=31.0))
    after.passes(10)
    assert (story.reasons, after.reasons) == (["new"], ["flapping"])


def test_there_is_a_bound() -> None:
    story = Story()
    story.table = Table(RULES, most=3)
    for number in range(5):
        story.happens(endpoint("down", name=f"10.0.0.{number}:80"))
    assert len(story.table.alerts) == 3


CHANGES: Final[tuple[EndpointChange, ...]] = ("down", "up", "ejected", "let_back_in", "gone")
STEPS: Final = st.lists(
    st.tuples(
        st.sampled_from(CHANGES),
        st.sampled_from(["10.0.0.1:80", "10.0.0.2:80"]),
        st.integers(0, 90),
    ),
    max_size=40,
)


@given(STEPS)
def test_whatever_happens_is_told_in_turns_and_ends_in_silence(
    steps: list[tuple[EndpointChange, str, int]],
) -> None:
    story = Story()
    for change, name, pause in steps:
        until = story.now + 30.0 if change == "ejected" else 0.0
        story.happens(endpoint(change, name=name, at=story.now, until=until))
        story.passes(pause)
    for name in ("10.0.0.1:80", "10.0.0.2:80"):
        story.happens(endpoint("gone", name=name, at=story.now))
    story.passes(1000)
    assert story.table.alerts == {}
    heard: dict[str, Reasons] = {}
    for _, one in story.told:
        heard.setdefault(one.alert.key, []).append(one.reason)
    for reasons in heard.values():
        *lives, rest = " ".join(one for one in reasons if one != "repeat").split(" resolved")
        assert rest == ""
        assert {one.strip() for one in lives} <= {"new", "flapping", "new flapping"}


@given(STEPS)
def test_the_state_says_what_is_so(steps: list[tuple[EndpointChange, str, int]]) -> None:
    story = Story()
    for change, name, pause in steps:
        story.happens(endpoint(change, name=name, at=story.now, until=story.now + 30.0))
        for one in story.table.alerts.values():
            assert one.is_told == (one.told > 0.0)
            assert one.is_away == (one.recovery != "")
        story.passes(pause)
