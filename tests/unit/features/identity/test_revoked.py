"""What has been revoked: known until it is over, and told on once."""

import msgspec

from tests.unit.features.identity.issuing import NOW
from tta_gateway.features.identity.bound import OWN_ISSUER, RevokedTokens
from tta_gateway.features.identity.revoked import EVERYBODY, News, Revoked
from tta_gateway.kernel.principal import Principal

ADA = Principal(subject="ada", issuer=OWN_ISSUER, session="s1", claims={"iat": NOW})


def told(*sessions: str, until: float = NOW + 60, **subjects: float) -> RevokedTokens:
    return RevokedTokens(
        sessions=dict.fromkeys(sessions, until),
        subjects={name: (before, until) for name, before in subjects.items()},
    )


def test_tokens_of_a_session_that_has_ended_count_no_more() -> None:
    revoked = Revoked()
    assert not revoked.has(ADA)
    revoked.newly(told("s1"))
    assert revoked.has(ADA)
    assert not revoked.has(msgspec.structs.replace(ADA, session="s2"))


def test_of_a_subject_those_from_before_count_no_more() -> None:
    revoked = Revoked()
    revoked.newly(told(ada=NOW))
    later = msgspec.structs.replace(ADA, claims={"iat": NOW + 0.00001})
    undated = msgspec.structs.replace(ADA, claims={})
    assert [revoked.has(one) for one in (ADA, later, undated)] == [True, False, True]


def test_a_login_that_has_ended_is_told_from_tokens_that_count_no_more() -> None:
    revoked = Revoked()
    revoked.newly(told("s1", ada=NOW))
    again = msgspec.structs.replace(ADA, session="s2")
    elsewhere = msgspec.structs.replace(ADA, issuer="clinic")
    assert [revoked.has_ended(one) for one in (ADA, again, elsewhere)] == [True, False, False]
    assert revoked.has(again)


def test_of_everybody_those_from_before_count_no_more() -> None:
    revoked = Revoked()
    news = revoked.newly(RevokedTokens(subjects={EVERYBODY: (NOW, NOW + 60)}))
    later = msgspec.structs.replace(ADA, claims={"iat": NOW + 1})
    other = msgspec.structs.replace(ADA, subject="eve", session="s2")
    key = Principal(subject="key:a", issuer=OWN_ISSUER)  # which was issued at no time
    for who, ends in ((ADA, True), (other, True), (later, False), (key, False)):
        assert (revoked.has(who), news.concerns(who)) == (ends, ends)


def test_those_of_other_issuers_are_nobody_s_here() -> None:
    revoked = Revoked()
    news = revoked.newly(told("s1", ada=NOW))
    other = msgspec.structs.replace(ADA, issuer="clinic")
    assert not revoked.has(other)
    assert not news.concerns(other)
    assert news.concerns(ADA)


def test_what_is_new_is_told_on_once() -> None:
    revoked, heard = Revoked(), list[News]()
    revoked.listeners.append(heard.append)
    assert revoked.newly(told("s1", ada=NOW)) == News(frozenset({"s1"}), {"ada": NOW})
    revoked.newly(told("s1", ada=NOW))
    revoked.newly(told("s1", "s2", ada=NOW + 1))
    revoked.newly(told(ada=NOW))
    assert heard == [
        News(frozenset({"s1"}), {"ada": NOW}),
        News(frozenset({"s2"}), {"ada": NOW + 1}),
    ]


def test_news_concern_whoever_has_come_in_by_it() -> None:
    news = News(frozenset({"s1"}), {"bob": NOW})
    bob = Principal(subject="bob", issuer=OWN_ISSUER, session="s9", claims={"iat": NOW - 1})
    young = msgspec.structs.replace(bob, claims={"iat": NOW + 1})
    eve = msgspec.structs.replace(ADA, session="s2")
    assert [news.concerns(one) for one in (ADA, bob, young, eve)] == [True, True, False, False]


def test_what_is_over_is_forgotten_now_and_then() -> None:
    revoked = Revoked()
    revoked.newly(told("s1", ada=NOW, until=NOW + 1))
    revoked.newly(told("s2", bob=NOW, until=NOW + 90))
    revoked.tidy(NOW)
    assert len(revoked) == 4
    revoked.tidy(NOW + 20)
    assert len(revoked) == 2
    assert not revoked.has(ADA)


def test_what_is_over_is_known_for_a_while_more_unless_it_is_very_much() -> None:
    revoked = Revoked()
    revoked.newly(told("s1", until=NOW + 1))
    revoked.tidy(NOW + 20, late=60.0)
    assert revoked.has(ADA)
    revoked.newly(told(*(f"{number:x}" for number in range(50_000)), until=NOW + 1))
    revoked.tidy(NOW + 20, late=60.0)
    assert not revoked.has(ADA)


def test_of_very_many_some_are_forgotten_at_a_time() -> None:
    revoked = Revoked()
    revoked.newly(told(*(f"{number:x}" for number in range(4_000)), until=NOW + 1))
    left = []
    for _ in range(4):
        revoked.tidy(NOW + 2)
        left.append(len(revoked))
    assert left == [2_400, 800, 0, 0]


def test_a_token_without_a_session_is_of_none() -> None:
    revoked = Revoked()
    revoked.newly(told("s1"))
    assert not revoked.has(msgspec.structs.replace(ADA, session=""))
