"""Wording: every alert that an event may begin has its words."""

import pytest

from tests.helpers.alerting import a_notice, an_alert
from tta_gateway.features.alerts.wording import _SAID, stamp, status, summary


def test_a_moment_is_rfc_3339() -> None:
    assert stamp(1_700_000_000.25) == "2023-11-14T22:13:20.250Z"


def test_a_notice_fires_until_it_is_over() -> None:
    assert [status(a_notice(one)) for one in ("new", "flapping", "repeat", "still")] == (
        ["firing"] * 4
    )
    assert status(a_notice("resolved")) == "resolved"


@pytest.mark.parametrize("name", list(_SAID))
def test_each_kind_has_words_of_its_own(name: str) -> None:
    said = summary(an_alert(name=name))
    assert said.startswith("players 10.0.0.1:80 ")
    assert name not in said
