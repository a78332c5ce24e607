"""Unmodified SDKs talk to the hub of a real gateway: PyPI's and npm's, each in both its codecs.

Clients come to either worker as it happens: what holds here holds whichever it is.
"""

import pytest

from tests.helpers.hub_stage import HubStage, token
from tests.helpers.sdk import Sdk, SdkClient
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e
UNRECOVERABLE, DENIED, UNKNOWN, UNAVAILABLE, LIMIT = 112, 103, 102, 108, 106


def join(stage: HubStage, sdk: Sdk, *names: str) -> list[SdkClient]:
    """Clients of these people, connected."""
    made = [sdk.client(one, stage.url, token(one)) for one in names]
    for one in made:
        one.connected()
    return made


def numbers(first: int, last: int) -> list[tuple[int, int]]:
    """What is heard of numbers that were published at the offsets that they are."""
    return [(one, one) for one in range(first, last + 1)]


def test_everybody_hears_everything_in_one_order_and_knows_who_is_there(
    stage: HubStage, sdk: Sdk, name: str
) -> None:
    channel = f"session:{name}"
    people = join(stage, sdk, *(f"{who}-{name}" for who in ("ada", "ben", "cleo", "dan")))
    for one in people:
        one.reads(channel)
    for at, one in enumerate(people):
        one.publish(channel, *range(25 * at + 1, 25 * at + 26))
    for one in people:
        assert one.heard(channel, 100) == numbers(1, 100)
    said = people[0].events("publication", channel=channel, user=people[1].name)
    assert [one["offset"] for one in said] == list(range(26, 51))
    names = sorted(one.name for one in people)
    assert wait_until(lambda: people[0].ask("presence", channel=channel) == names)
    assert people[3].ask("stats", channel=channel) == [4, 4]
    people[3].wait("join", channel=channel, user=people[3].name)
    people[3].close()
    people[0].wait("leave", channel=channel, user=people[3].name)
    assert people[0].ask("presence", channel=channel) == sorted(one.name for one in people[:3])


def test_history_is_read_in_pages_both_ways(stage: HubStage, sdk: Sdk, name: str) -> None:
    channel = f"session:{name}"
    (ada,) = join(stage, sdk, name)
    ada.reads(channel)
    ada.publish(channel, *range(1, 31))

    def page(**asked: object) -> list[int]:
        told = ada.ask("history", channel=channel, **asked)
        assert told["offset"] == 30
        assert all(offset == data for offset, data in told["publications"])
        return [offset for offset, _ in told["publications"]]

    epoch = ada.ask("history", channel=channel)["epoch"]
    assert page() == []
    assert page(limit=-1) == list(range(1, 31))
    assert page(limit=10) == list(range(1, 11))
    assert page(limit=10, since=[10, epoch]) == list(range(11, 21))
    assert page(limit=10, since=[25, epoch]) == list(range(26, 31))
    assert page(limit=10, reverse=True) == list(range(30, 20, -1))
    assert page(limit=10, since=[21, epoch], reverse=True) == list(range(20, 10, -1))
    asked = {"channel": channel, "limit": 1, "since": [1, "another"]}
    assert ada.refusal("history", **asked) == UNRECOVERABLE


def test_each_channel_says_who_may_do_what(stage: HubStage, sdk: Sdk, name: str) -> None:
    (ada,) = join(stage, sdk, name)
    tess = sdk.client(f"tess-{name}", stage.url, token(f"tess-{name}", "therapist"))
    assert tess.reads(f"alerts:{name}")["channel"] == f"alerts:{name}"
    assert ada.denied(f"alerts:{name}") == DENIED
    ada.reads(f"user:{name}")
    assert ada.denied(f"user:tess-{name}") == DENIED
    assert tess.denied(f"nowhere:{name}") == UNKNOWN
    assert tess.refusal("publish", channel=f"alerts:{name}", data=[1]) == DENIED
    assert ada.refusal("presence", channel=f"alerts:{name}") == UNAVAILABLE
    assert ada.refusal("history", channel=f"plain:{name}", limit=1) == UNAVAILABLE
    assert ada.refusal("publish", channel=f"session:{name}", data=["x" * 62_000]) == LIMIT
    assert ada.refusal("rpc", method="nothing") == UNAVAILABLE
    ada.publish(f"session:{name}", "who may still does")


def test_who_shows_no_token_that_counts_is_sent_away_for_good(
    stage: HubStage, sdk: Sdk, name: str
) -> None:
    one = sdk.client(name, stage.url, "x.y.z")
    assert one.wait("disconnected")["code"] == 3500
    assert not one.events("connected")


def test_a_token_that_has_expired_is_replaced_before_anybody_is_let_in(
    stage: HubStage, sdk: Sdk, name: str
) -> None:
    one = sdk.client(name, stage.url, token(name, lasts=-60.0), token(name))
    one.connected()
    assert one.events("disconnected") == []


def test_a_token_is_renewed_before_it_ends_and_nothing_else_is(
    stage: HubStage, sdk: Sdk, name: str
) -> None:
    """Neither the connection nor what it reads ends with the token that it began with."""
    kept, plain = f"session:{name}", f"plain:{name}"
    short = token(name, lasts=4.0)
    one = sdk.client(name, stage.url, short, token(name))
    taken = sdk.client(f"taken-{name}", stage.url, short, token("somebody else"))
    late = sdk.client(f"late-{name}", stage.url, short, token(name, lasts=-60.0), token(name))
    never = sdk.client(f"never-{name}", stage.url, short, None)
    (other,) = join(stage, sdk, f"other-{name}")
    for each in (one, taken, late, never):
        each.connected()
        each.reads(kept)
    one.reads(plain)
    assert taken.wait("disconnected")["code"] == 3500
    late.wait("connecting", code=3005)  # shows one that has expired, and comes back with another
    late.connected(2)
    never.wait("connecting", code=3005)
    assert late.events("unsubscribed") == never.events("unsubscribed") == []
    assert wait_until(lambda: other.ask("stats", channel=kept)[0] == 2)
    for number in range(1, 11):
        other.publish(kept, number)
        other.publish(plain, number)
    assert one.heard(kept, 10) == numbers(1, 10)
    assert [data for _, data in one.heard(plain, 10)] == list(range(1, 11))
    assert one.codes("connecting") == [0]
    assert one.codes("subscribing", channel=kept) == [0]
    assert one.events("unsubscribed") == one.events("disconnected") == []


def test_who_was_away_is_given_what_was_said_meanwhile(
    stage: HubStage, sdk: Sdk, name: str
) -> None:
    channel = f"session:{name}"
    people = join(stage, sdk, name, f"ben-{name}")
    writer = sdk.client(f"writer-{name}", stage.direct, token(f"writer-{name}"))
    for one in people:
        one.reads(channel)
    sent = 0
    for _ in range(3):
        writer.publish(channel, *range(sent + 1, sent + 21))
        stage.line.drop()
        writer.publish(channel, *range(sent + 21, sent + 61))
        sent += 60
    for one in people:
        assert one.heard(channel, sent) == numbers(1, sent)
        assert all(told["recovered"] for told in one.events("subscribed", channel=channel)[1:])
        assert one.events("subscribed", channel=channel)[1:]


def test_who_comes_back_for_what_is_not_kept_any_more_is_told(
    stage: HubStage, sdk: Sdk, name: str
) -> None:
    channel = f"short:{name}"
    (one,) = join(stage, sdk, name)
    writer = sdk.client(f"writer-{name}", stage.direct, token(f"writer-{name}"))
    one.reads(channel)
    writer.publish(channel, 1)
    one.heard(channel, 1)
    stage.line.cut()
    stage.line.drop()
    writer.publish(channel, *range(2, 401))  # more than a worker remembers by itself
    stage.line.mend()
    told = one.wait("subscribed", channel=channel, count=2)
    assert (told["was_recovering"], told["recovered"], told["offset"]) == (True, False, 400)
    writer.publish(channel, 401)
    assert one.heard(channel, 2) == [(1, 1), (401, 401)]


def test_a_position_that_cannot_be_continued_is_asked_for_again(
    stage: HubStage, sdk: Sdk, name: str
) -> None:
    """Who brings a position of its own is refused with it, and fetches another."""
    channel = f"session:{name}"
    (ada,) = join(stage, sdk, name)
    ada.publish(channel, 1, 2, 3)
    at = ada.ask("history", channel=channel)
    ada.reads(channel, since=[1, at["epoch"]])
    assert ada.heard(channel, 2) == numbers(2, 3)
    (ben,) = join(stage, sdk, f"ben-{name}")
    ben.ask("read", channel=channel, since=[2, "another"])
    assert not wait_until(lambda: bool(ben.events("subscribed", channel=channel)), 1.0)


def test_what_is_published_behind_an_unsubscribe_is_not_heard(
    stage: HubStage, sdk: Sdk, name: str
) -> None:
    """Neither one's own, sent right behind it, nor another's at the same time."""
    channel = f"session:{name}"
    ada, ben = join(stage, sdk, name, f"ben-{name}")
    ben.reads(channel)
    for turn in range(10):
        ada.reads(channel)
        ben.ask("publish", channel=channel, data=[f"before {turn}"])
        ada.wait("publication", channel=channel, data=f"before {turn}")
        ada.ask("leave", channel=channel)
        ada.publish(channel, f"behind {turn}")
        ben.publish(channel, f"after {turn}")
    ben.heard(channel, 30)
    ada.reads(channel)
    ben.publish(channel, "last")
    ada.wait("publication", channel=channel, data="last")
    state, offsets = "", []
    for told in sdk.events(client=ada.name, channel=channel):
        if told["event"] == "publication":
            assert state == "subscribed", told
            offsets.append(told["offset"])
        elif told["event"] not in {"join", "leave"}:
            state = told["event"]
    assert offsets == list(range(1, 32))  # what was missed is told by the next subscription


def test_a_channel_can_be_asked_for_with_a_token_of_its_own(
    stage: HubStage, sdk: Sdk, name: str
) -> None:
    """Which gives no more than the channel's rule, and is good for one channel and one person."""
    channel, closed = f"session:{name}", f"alerts:{name}"
    (ada,) = join(stage, sdk, name)
    ada.reads(channel, tokens=[token(name, channel=channel)])
    ada.publish(channel, 1)
    assert ada.heard(channel, 1) == [(1, 1)]
    later = f"session:later-{name}"
    ada.reads(later, tokens=[token(name, channel=later, lasts=-60.0), token(name, channel=later)])
    assert ada.denied(closed, tokens=[token(name, channel=closed)]) == DENIED
    forged = f"session:forged-{name}"
    assert ada.denied(forged, tokens=[f"{token(name, channel=forged)}x"]) == DENIED
    ada.ask("read", channel=f"session:other-{name}", tokens=[token(name, channel=channel)])
    assert ada.wait("disconnected")["code"] == 3500


def test_who_offers_to_take_deltas_hears_the_same(stage: HubStage, sdk: Sdk, name: str) -> None:
    """Also behind a cut, where a delta would be one to what they have not had."""
    channel = f"session:{name}"
    (ada,) = join(stage, sdk, name)
    writer = sdk.client(f"writer-{name}", stage.direct, token(f"writer-{name}"))
    ada.reads(channel, delta=True)
    said = [{"n": number, "same": "as before, and long enough" * 9} for number in range(20)]
    writer.publish(channel, *said[:8])
    ada.heard(channel, 8)
    stage.line.drop()
    writer.publish(channel, *said[8:])
    assert ada.heard(channel, 20) == list(enumerate(said, start=1))


def test_who_changes_their_mind_quickly_ends_where_they_wanted(
    stage: HubStage, sdk: Sdk, name: str
) -> None:
    """Nothing that was begun and taken back leaves anything behind."""
    channel = f"session:{name}"
    shown = [token(name) for _ in range(60)]
    ada = sdk.client(name, stage.url, *shown)
    (ben,) = join(stage, sdk, f"ben-{name}")
    ada.reads(channel)
    ben.reads(channel)
    for _ in range(2):
        ada.ask("toggle", channel=channel, times=20)
        ada.ask("restart", times=20)
    there = sorted([name, ben.name])
    assert wait_until(lambda: ben.ask("presence", channel=channel) == there)
    assert wait_until(lambda: ben.ask("stats", channel=channel) == [2, 2])
    ben.publish(channel, *range(1, 101))
    assert ada.heard(channel, 100) == ben.heard(channel, 100) == numbers(1, 100)


def test_who_wants_more_channels_than_they_may_is_refused_those(
    stage: HubStage, sdk: Sdk, name: str
) -> None:
    (ada,) = join(stage, sdk, name)
    channels = [f"plain:{name}-{number}" for number in range(130)]
    for one in channels:
        ada.ask("read", channel=one)
    for one in channels[:128]:
        ada.wait("subscribed", channel=one)
    for one in channels[128:]:
        assert ada.wait("unsubscribed", channel=one)["code"] == LIMIT
    ada.ask("leave", channel=channels[0])
    ada.reads(channels[128])


def test_a_hundred_channels_are_asked_for_at_once(stage: HubStage, sdk: Sdk, name: str) -> None:
    """npm's SDK sends them all in one frame, with the connect."""
    channels = [f"session:{name}-{number}" for number in range(100)]
    ada = sdk.client(name, stage.url, token(name), channels=channels)
    for one in channels:
        ada.wait("subscribed", channel=one)
    (ben,) = join(stage, sdk, f"ben-{name}")
    for one in channels:
        ben.publish(one, one)
    for one in channels:
        assert ada.heard(one, 1) == [(1, one)]


def test_a_logout_ends_the_connection_within_a_second(stage: HubStage, sdk: Sdk, name: str) -> None:
    stage.gateway.user(name)
    shown = str(stage.gateway.login(name).told["access_token"])
    one = sdk.client(name, stage.url, shown, shown)
    one.reads(f"session:{name}")
    assert stage.gateway.ask("POST", "/api/v1/auth/logout", {}, token=shown).status == 200
    told = one.wait("disconnected", patience=1.0)
    assert told["code"] == 3500
    assert one.events("unsubscribed") == []
