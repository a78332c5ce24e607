"""Dependencies between services."""

import pytest

from tests.helpers.configuration import complaints


def wrong(**needs: str) -> list[str]:
    """What is wrong, without the file's name."""
    services = "".join(
        f"  {name}: {{endpoints: ['https://a'], depends_on: [{one}]}}\n"
        for name, one in needs.items()
    )
    text = f"services:\n{services}routes: [{{path: /, service: a, auth: none}}]"
    return [line.removeprefix("gateway.yaml:") for line in complaints(text)]


def test_services_may_depend_on_each_other() -> None:
    assert wrong(a="b, {service: c, kind: soft}", b="c", c="") == []


def test_a_dependency_exists() -> None:
    assert wrong(a="chaat", chat="") == [
        "2:46 services.a.depends_on[0]: there is no service `chaat`: do you mean `chat`?"
    ]
    assert wrong(a="{service: b}") == [
        "2:47 services.a.depends_on[0].service: there is no service `b`: none is known"
    ]


def test_a_dependency_is_named_once() -> None:
    assert wrong(a="b, {service: b, kind: soft}", b="") == [
        "2:50 services.a.depends_on[1].service: names `b` twice: keep one of them"
    ]


@pytest.mark.parametrize("kind", ["b", "{service: b, kind: soft}"])
def test_no_dependency_leads_back_to_where_it_began(kind: str) -> None:
    (said,) = wrong(a=kind, b="c", c="a", d="a")
    assert said == (
        "4:46 services.c.depends_on[0]: leads back to where it began (a -> b -> c -> a): take one "
        "of them out"
    )


def test_each_circle_is_told_once() -> None:
    found = wrong(a="a", b="c", c="b", d="b")
    assert [line.partition(": ")[0] for line in found] == [
        "2:46 services.a.depends_on[0]",
        "4:46 services.c.depends_on[0]",
    ]


@pytest.mark.parametrize("written", ["7", "null", "[x]", "{}"])
def test_what_is_no_dependency_hides_nothing_else(written: str) -> None:
    found = wrong(a=f"{written}, nobody", b="")
    assert any("there is no service `nobody`" in line for line in found)


def off(written: str) -> list[str]:
    """What is wrong with a service where there is no control."""
    text = f"admin: off\nservices: {{players: {{endpoints: ['https://a'], {written}}}}}"
    return [line.partition(" ")[2] for line in complaints(text)]


@pytest.mark.parametrize("written", ["health: {}", "health: {kind: tcp}", "depends_on: [players]"])
def test_without_control_nobody_would_look(written: str) -> None:
    key = written.partition(":")[0]
    assert off(written)[0] == (
        f"services.players.{key}: is looked after by the process that `admin: off` leaves out: "
        "write an address for `admin`, or take the line out"
    )


@pytest.mark.parametrize("written", ["health: off", "depends_on: []", "balance: round_robin"])
def test_where_nothing_is_to_be_looked_at_control_is_not_missed(written: str) -> None:
    assert off(written) == []
