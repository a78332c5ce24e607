"""Alerts, as operators write them: what they become, and every mistake in words."""

from pathlib import Path

import msgspec
import pytest

from tests.helpers.certificates import Folder
from tests.helpers.configuration import complaints, completed, loaded
from tta_gateway.features.alerts.bound import Alertmanager, AlertsBound, Mail, Rules, Webhook
from tta_gateway.kernel.errors import ConfigError
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.reaching import authorities
from tta_gateway.settings.show import show

ENVIRON = {"TOKEN": "kanarie-1", "HOOK": "https://hooks.example/services/kanarie-2"}
FULL = """\
plaintext: {alerts: a network of its own}
alerts:
  node: edge-1
  wait: 2s
  calm: 1m
  repeat: 1h
  flapping: {times: 3, within: 5m, calm: 10m}
  alertmanagers:
    - {url: "http://am:9093", token: {env: TOKEN}, severity: warning, resolve_timeout: 2m}
    - {url: "https://am:9094/prefix", user: u, password: {env: TOKEN}}
  webhooks:
    - {url: {env: HOOK}, secret: {env: TOKEN}}
    - {url: "https://hooks.example/other", token: {env: TOKEN}}
  mail:
    - {host: smtp.example, user: u, password: {env: TOKEN}, sender: gw@example.org, to: [a@b.org]}
    - {host: 127.0.0.1, security: none, sender: gw@x, to: [a@b, c@d], severity: critical}
"""


def compiled(text: str) -> AlertsBound:
    snapshot = compile_snapshot(loaded(text, ENVIRON).settings, 1)
    return msgspec.msgpack.decode(snapshot.features["alerts"], type=AlertsBound)


def test_nothing_written_is_what_the_defaults_say() -> None:
    assert compiled("") == AlertsBound(link="http://127.0.0.1:8081/admin/v1/alerts")


def test_all_of_it_is_compiled() -> None:
    hook = "https://hooks.example"
    assert compiled(FULL) == AlertsBound(
        node="edge-1",
        link="http://127.0.0.1:8081/admin/v1/alerts",
        rules=Rules(
            wait=2.0, calm=60.0, repeat=3600.0, flaps=3, flaps_within=300.0, flaps_calm=600.0
        ),
        sinks=(
            Alertmanager(
                url="http://am:9093",
                name="http://am:9093",
                token="kanarie-1",
                severity="warning",
                resolve_timeout=120.0,
            ),
            Alertmanager(
                url="https://am:9094/prefix",
                name="https://am:9094",
                user="u",
                password="kanarie-1",
            ),
            Webhook(url=ENVIRON["HOOK"], name=hook, secret="kanarie-1"),
            Webhook(url=f"{hook}/other", name=f"{hook}#2", token="kanarie-1"),
            Mail(
                host="smtp.example",
                port=587,
                name="smtp://smtp.example:587",
                user="u",
                password="kanarie-1",
                sender="gw@example.org",
                to=("a@b.org",),
            ),
            Mail(
                host="127.0.0.1",
                port=25,
                security="none",
                severity="critical",
                name="smtp://127.0.0.1:25",
                sender="gw@x",
                to=("a@b", "c@d"),
            ),
        ),
    )


def test_no_secret_is_shown() -> None:
    found = loaded(FULL, ENVIRON)
    assert "kanarie" not in show(found.settings, found.document)
    assert "kanarie" not in repr(found.settings.alerts)


def test_where_operators_connect_is_where_what_fires_is_listed() -> None:
    assert compiled("admin: '[::1]:9000'\n").link == "http://[::1]:9000/admin/v1/alerts"
    assert compiled("admin: unix:/run/admin.sock\n").link == "http://localhost/admin/v1/alerts"
    assert compiled("admin: off\n").link == ""


def test_authorities_are_read(certificates: Folder) -> None:
    hook = f"{{url: 'https://h/', ca: {certificates.ca}}}"
    (sink,) = compiled(f"alerts: {{webhooks: [{hook}]}}\n").sinks
    assert sink.ca == certificates.ca.read_text()


def test_authorities_that_have_changed_since_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has changed since"):
        authorities(str(tmp_path / "gone.pem"))


def mail(written: str) -> str:
    return f"mail: [{{host: h, sender: a@b, to: [c@d], {written}}}]"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("webhooks: [{url: hooks}]", "must begin with `https://` or `http://`"),
        ("webhooks: [{url: 'ftp://h'}]", "must begin with `https://` or `http://`"),
        ("webhooks: [{url: 'http://h h'}]", "must be a URL"),
        ("webhooks: [{url: 5}]", "must be a URL"),
        ("webhooks: [{url: 'http://h:99999/'}]", "must be a URL with a host"),
        ("webhooks: [{url: 'http://h:0/'}]", "no port 0"),
        ("webhooks: [{url: 'http://h/#a'}]", "must have no `#…`"),
        ("webhooks: [{url: 'http://u:p@h/'}]", "take it out, and write `token`"),
        ("webhooks: [{url: 'http:///a'}]", "is not a host"),
        ("webhooks: [{url: 'http://[::1]/', token: abc}]", "is a secret"),
        ("alertmanagers: [{url: 'http://h', user: u}]", "belong together"),
        ("alertmanagers: [{url: 'http://h/?a=b'}]", "must have no `?…`"),
        ("alertmanagers: [{url: 'http://h', user: 'a:b', password: {env: TOKEN}}]", "without `:`"),
        ("alertmanagers: [{url: 'http://h', resolve_timeout: 5s}]", "30"),
        (
            "alertmanagers: [{url: 'http://h', token: {env: TOKEN}, user: u, password: "
            "{env: TOKEN}}]",
            "two ways in",
        ),
        ("repeat: 1s", "60"),
        (mail("user: u"), "belong together"),
        (mail("password: {env: TOKEN}"), "belong together"),
        (mail("user: u, password: {env: TOKEN}, security: none"), "in the clear"),
        (mail("user: u, password: {env: ODD}"), "visible ASCII"),
        ("mail: [{host: h, sender: nobody, to: [c@d]}]", "is not a mailbox"),
        ('mail: [{host: h, sender: a@b, to: ["c@d\\r\\nBcc: e@f"]}]', "is not a mailbox"),
        ("mail: [{host: h, sender: a@b, to: []}]", "at least 1"),
        ("mail: [{host: 'h h', sender: a@b, to: [c@d]}]", "is not a host"),
        (f"webhooks: [{', '.join(['{url: http://h/}'] * 9)}]", "at most 8"),
    ],
)
def test_a_mistake_is_told_with_its_place(written: str, words: str) -> None:
    environ = {**ENVIRON, "ODD": "a\u00e9"}
    found = complaints(f"alerts:\n  {written}\n", environ)
    assert found[0].startswith("gateway.yaml:2:"), found
    assert words in found[0], found


@pytest.mark.parametrize("key", ["alertmanagers", "webhooks"])
def test_sinks_need_the_process_that_sends(key: str) -> None:
    (found,) = complaints(f"admin: off\nalerts: {{{key}: [{{url: 'https://h'}}]}}\n")
    assert f"alerts.{key}" in found
    assert "write an address for `admin`" in found


def test_without_sinks_there_may_be_nobody() -> None:
    assert complaints(completed("admin: off\nalerts: {node: edge-1}\n")) == []
