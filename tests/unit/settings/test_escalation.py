"""Escalation, as operators and clinicians write it, and every mistake with its place."""

from pathlib import Path

import msgspec
import pytest

from tests.helpers.configuration import complaints, loaded
from tta_gateway.features.escalation.bound import (
    EscalationBound,
    Hook,
    Ladder,
    Letters,
    Mailbox,
    Rung,
    ServiceHook,
    subscriber,
)
from tta_gateway.kernel.errors import ConfigError
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.load import Loaded, load
from tta_gateway.settings.show import show

ENVIRON = {"TOKEN": "kanarie"}
CONTACTS = """\
escalation:
  contacts:
    pager: {webhook: {url: "https://h/crisis", secret: {env: TOKEN}}}
    ward: {mail: {host: smtp.example, sender: gw@example.org, to: [ward@example.org]}}
"""
GATEWAY = f"""\
services: {{a: {{endpoints: ["http://127.0.0.1:1"]}}}}
routes: [{{path: /a, service: a, auth: none}}]
{CONTACTS}  policy: crisis.yaml
"""


def bound_of(found: Loaded) -> EscalationBound:
    snapshot = compile_snapshot(found.settings, 1)
    return msgspec.msgpack.decode(snapshot.features["escalation"], type=EscalationBound)


def compiled(text: str) -> EscalationBound:
    return bound_of(loaded(text, ENVIRON))


def with_policy(folder: Path, policy: str) -> Loaded:
    (folder / "crisis.yaml").write_text(policy)
    (folder / "gateway.yaml").write_text(GATEWAY)
    return load(folder / "gateway.yaml", ENVIRON)


def test_people_answer_where_the_operator_says() -> None:
    bound = compiled("escalation: {link: 'https://gateway.example/incidents/'}\n")
    assert bound.link == "https://gateway.example/incidents"


@pytest.mark.parametrize(
    "link", ["gateway.example", "ftp://h/x", "https://", "https://h/?a=1", "https://h/#a"]
)
def test_where_people_answer_is_an_address(link: str) -> None:
    (complaint,) = complaints(f"escalation: {{link: '{link}'}}\n")
    assert "escalation.link" in complaint


def test_where_no_level_is_written_all_contacts_are_called_at_the_times_of_each() -> None:
    bound = compiled(CONTACTS)
    assert bound.link == "http://127.0.0.1:8081/admin/v1/incidents"
    assert bound.contacts == (
        Hook(name="pager", url="https://h/crisis", secret="kanarie"),
        Mailbox(
            name="ward",
            host="smtp.example",
            port=587,
            sender="gw@example.org",
            to=("ward@example.org",),
        ),
    )
    both = ("pager", "ward")
    assert bound.ladders[2] == Ladder(
        (Rung(both, 120.0), Rung(both, 300.0), Rung(both, 600.0)), 600.0
    )
    assert [one.rungs[0].within for one in bound.ladders] == [86_400.0, 900.0, 120.0]


def test_a_level_is_what_is_written_of_it() -> None:
    levels = (
        "  levels: {high: {rungs: [{call: [pager], within: 5m}, {call: [ward], within: 1h}]}}\n"
    )
    bound = compiled(CONTACTS + levels)
    assert bound.ladders[1] == Ladder((Rung(("pager",), 300.0), Rung(("ward",), 3600.0)), 3600.0)


def test_users_of_the_hub_may_be_called_where_there_are_inboxes() -> None:
    escalation = "escalation: {contacts: {team: {realtime: {users: [ben]}}}}\n"
    assert "needs `realtime: {inbox: …}`" in "\n".join(complaints(escalation))
    bound = compiled("realtime: {inbox: {}}\n" + escalation)
    assert bound.contacts == (Letters(name="team", users=("ben",)),)


def test_a_service_of_the_platform_may_be_told() -> None:
    written = "{service: {name: players, path: /crisis, secret: {env: TOKEN}}}"
    bound = compiled(f"escalation: {{contacts: {{care: {written}}}}}\n")
    assert bound.contacts == (
        ServiceHook(name="care", service="players", path="/crisis", secret="kanarie"),
    )
    assert "kanarie" not in repr(bound)


def test_who_can_be_told_nothing_feigned_may_do_without_signatures() -> None:
    bound = compiled(
        "escalation:\n"
        "  contacts: {pager: {webhook: {url: 'http://127.0.0.1/', unsigned: on this machine}}}\n"
        "  subscribers: [{name: players, path: /crisis, unsigned: a network of its own}]\n"
    )
    assert bound.contacts == (Hook(name="pager", url="http://127.0.0.1/"),)
    assert bound.subscribers == (subscriber("players", "/crisis", ""),)


def test_services_may_be_told_of_everything_beside_people() -> None:
    written = "{name: players, path: /crisis, secret: {env: TOKEN}}"
    bound = compiled(f"escalation: {{subscribers: [{written}]}}\n")
    assert bound.subscribers == (subscriber("players", "/crisis", "kanarie"),)
    assert (bound.contacts, bound.ladders[2].rungs[0].contacts) == ((), ())


def test_a_policy_of_a_file_holds_is_watched_and_is_shown_as_it_is(tmp_path: Path) -> None:
    found = with_policy(
        tmp_path,
        "levels:\n  high:\n    rungs:\n      - {call: [ward], within: 1m}\n    again: 2m\n",
    )
    assert bound_of(found).ladders[1] == Ladder((Rung(("ward",), 60.0),), 120.0)
    files = compile_snapshot(found.settings, 1).secret_files
    assert [Path(one.path).name for one in files] == ["crisis.yaml"]
    shown = show(found.settings, found.document)
    assert "call: [ward]" in shown
    assert "\n  policy:" not in shown
    assert "kanarie" not in shown


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (
            "levels:\n  high:\n    rungs:\n      - {call: [wrd], within: 1m}\n",
            "crisis.yaml:4:17 escalation.levels.high.rungs[0].call[0]: there is no contact `wrd`: "
            "do you mean `ward`?",
        ),
        (
            "levels:\n  high: {rungs: []}\n",
            "crisis.yaml:2:10 escalation.levels.high.rungs: holds too few",
        ),
        ("levels:\n  hihg: {}\n", "crisis.yaml:2:3 escalation.levels.hihg: is not a key here"),
        ("levels: {}\nmore: 1\n", "crisis.yaml:1:1: must hold `levels`, `contacts` or both"),
        ("", "crisis.yaml:1:1: must hold `levels`, `contacts` or both"),
        (
            "contacts:\n  pager: {realtime: {users: [ben]}}\n",
            "crisis.yaml:2:3 escalation.contacts.pager: `pager` stands in the configuration, too",
        ),
        (
            "contacts:\n  eva: {webhook: {url: 'https://e', unsigned: y, token: {env: TOKEN}}}\n",
            "crisis.yaml:2:50 escalation.contacts.eva.webhook.token: would be shown to whoever",
        ),
        (
            "contacts:\n  eva: {mail: {host: smtp.eva, sender: a@b.c, to: [a@b.c], user: u,\n"
            "    password: {env: TOKEN}}}\n",
            "crisis.yaml:3:5 escalation.contacts.eva.mail.password: would be shown to whoever",
        ),
        (
            "contacts:\n  eva: {webhook: {url: 'https://e'}}\n",
            "crisis.yaml:2:9 escalation.contacts.eva.webhook: `secret` is missing",
        ),
        ("contacts: [eva]\n", "crisis.yaml:1:1 escalation.contacts: must be a mapping"),
        ("levels: [\n", "crisis.yaml:2:1: is not YAML"),
        ("levels: {high: 1, high: 2}\n", "crisis.yaml:1:19"),
        ("levels: 5\n", "crisis.yaml:1:1 escalation.levels: must be a mapping"),
    ],
)
def test_what_is_wrong_in_a_policy_is_said_with_its_own_line(
    tmp_path: Path, policy: str, words: str
) -> None:
    with pytest.raises(ConfigError) as error:
        with_policy(tmp_path, policy)
    assert words in str(error.value)


def test_clinicians_may_name_contacts_of_their_own_beside_those_of_the_operator(
    tmp_path: Path,
) -> None:
    (tmp_path / "eva").write_text("kanarie of eva")
    found = with_policy(
        tmp_path,
        "contacts:\n"
        "  eva: {webhook: {url: 'https://eva', secret: {file: eva}}}\n"
        "  night: {mail: {host: smtp.example, sender: gw@example.org, to: [night@example.org]}}\n"
        "levels: {high: {rungs: [{call: [eva, ward], within: 1m}]}}\n",
    )
    bound = bound_of(found)
    assert {one.name for one in bound.contacts} == {"pager", "ward", "eva", "night"}
    assert Hook(name="eva", url="https://eva", secret="kanarie of eva") in bound.contacts
    assert bound.ladders[1].rungs[0].contacts == ("eva", "ward")
    files = compile_snapshot(found.settings, 1).secret_files
    assert {Path(one.path).name for one in files} == {"crisis.yaml", "eva"}
    shown = show(found.settings, found.document)
    assert "night@example.org" in shown
    assert "kanarie" not in shown


def test_their_mailboxes_may_be_at_a_server_at_which_the_operator_logs_in(tmp_path: Path) -> None:
    login = "host: smtp.example, user: gw, password: {env: TOKEN}, sender: gw@example.org"
    operators = f"    post: {{mail: {{{login}, to: [post@example.org]}}}}\n"
    (tmp_path / "crisis.yaml").write_text(
        f"contacts: {{night: {{mail: {{{login}, to: [night@example.org]}}}}}}\n"
    )
    (tmp_path / "gateway.yaml").write_text(f"{GATEWAY}".replace("  policy", operators + "  policy"))
    bound = bound_of(load(tmp_path / "gateway.yaml", ENVIRON))
    logins = [(one.to, one.password) for one in bound.contacts if isinstance(one, Mailbox)]
    assert (("night@example.org",), "kanarie") in logins


def test_a_policy_that_cannot_be_read_is_said_to_be_none(tmp_path: Path) -> None:
    for data, words in ((b"\xff", "not UTF-8"), (b"a" * 300_000, "larger than 256KiB")):
        (tmp_path / "crisis.yaml").write_bytes(data)
        (tmp_path / "gateway.yaml").write_text(GATEWAY)
        with pytest.raises(ConfigError, match=words):
            load(tmp_path / "gateway.yaml", ENVIRON)
    (tmp_path / "crisis.yaml").unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "gateway.yaml", ENVIRON)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("{policy: a.yaml, levels: {}}", "stands beside `levels`"),
        ("{policy: 5}", "must be the path of a file"),
        ("{contacts: {a: {}}}", "must have one of `webhook`, `mail`, `realtime` and `service`"),
        ("{contacts: {a: {realtime: {users: []}}}}", "users"),
        (
            "{contacts: {a: {service: {name: nobody, path: /x, unsigned: why}}}}",
            "there is no service `nobody`",
        ),
        (
            "{subscribers: [{name: nobody, path: /x, unsigned: why}]}",
            "there is no service `nobody`",
        ),
        (
            "{contacts: {'safety.* a': {webhook: {url: 'https://h', unsigned: why}}}}",
            "how subscribers are named",
        ),
        ("{contacts: {a: {service: {name: players, path: x}}}}", "path"),
        (
            "{contacts: {a: {webhook: {url: 'https://h'}}}}",
            "escalation.contacts.a.webhook: `secret` is missing",
        ),
        ("{contacts: {a: {service: {name: players, path: /x}}}}", "`secret` is missing"),
        ("{subscribers: [{name: players, path: /x}]}", "subscribers[0]: `secret` is missing"),
        ("{contacts: {a: {webhook: {url: 'https://h', unsigned: ' '}}}}", "holds blanks alone"),
        (
            "{subscribers: [{name: players, path: /x, secret: {env: TOKEN}, unsigned: why}]}",
            "`unsigned` has no effect beside `secret`",
        ),
        ("{levels: {high: {rungs: [{call: [], within: 1m}]}}}", "call"),
        ("{levels: {high: {rungs: [{call: [a], within: 1ms}]}}}", "at least 1"),
        (
            "{levels: {imminent: {rungs: [{call: [a], within: 61m}]}}}",
            "levels.imminent: has somebody in need wait too long: at this level at most 1h",
        ),
        ("{levels: {imminent: {rungs: [{call: [a], within: 1m}], again: 2h}}}", "at most 1h"),
        ("{levels: {high: {rungs: [{call: [a], within: 25h}]}}}", "at most 24h"),
        ("{levels: {elevated: {rungs: [{call: [a], within: 8000h}]}}}", "at most 168h"),
    ],
)
def test_what_makes_no_sense_is_said(written: str, words: str) -> None:
    assert words in "\n".join(complaints(f"escalation: {written}\n", ENVIRON))


@pytest.mark.parametrize(
    ("level", "within"), [("imminent", "1h"), ("high", "24h"), ("elevated", "168h")]
)
def test_as_long_as_a_level_allows_people_may_have(level: str, within: str) -> None:
    rungs = f"{{rungs: [{{call: [pager], within: {within}}}]}}"
    assert compiled(f"{CONTACTS}  levels: {{{level}: {rungs}}}\n").contacts
