"""Overheard: what is in the clear on the network is refused, or warned of, without a reason."""

import pytest

from tests.helpers.configuration import complaints, loaded
from tta_gateway.settings.overheard import warnings

PLAIN = 'services: {players: {endpoints: ["http://10.1.2.3"]}}\n'


def contact(written: str) -> str:
    return f"escalation: {{contacts: {{team: {written}}}}}\n"


TOLD = contact("{service: {name: players, path: /crisis, unsigned: a test}}")
FOUND = "services: {players: {discover: {docker: players, scheme: SCHEME}}}\n"
EXCUSED = PLAIN.replace("endpoints", "plaintext: a test, endpoints")
MAIL = "{mail: {host: mail.example, security: none, sender: a@b.example, to: [c@b.example]}}"
DATABASE = "database_url: postgresql://me:word@db/clinic?sslmode="
LOOKED = "services: {players: {discover: {REGISTRY: players, scheme: https}}}\n"
ETCD = (
    "discovery: {etcd: {endpoints: ['https://10.0.0.1:2379', 'http://10.0.0.2:2379']}}\n"
    + LOOKED.replace("REGISTRY", "etcd")
)
CONSUL = "discovery: {consul: {address: 'http://10.0.0.1:8500'}}\n" + LOOKED.replace(
    "REGISTRY", "consul"
)
KUBERNETES = "discovery: {kubernetes: {address: 'http://10.0.0.1:80'}}\n" + LOOKED.replace(
    "REGISTRY", "kubernetes"
)
DOCKER = "discovery: {docker: {address: 'http://10.0.0.1:2375'}}\n" + LOOKED.replace(
    "REGISTRY", "docker"
)
REFUSED = [
    ("valkey_url", "valkey_url", "valkey_url: redis://10.0.0.1\n"),
    ("valkey_url", "valkey_url", "valkey_url: valkey://:word@store\n"),
    ("valkey_url", "valkey_url", "valkey_url: redis+sentinel://127.0.0.1,10.0.0.1/tta\n"),
    ("cache_url", "cache_url", "cache_url: redis+cluster://a,b\n"),
    (
        "contacts",
        "escalation.contacts.team.webhook",
        contact("{webhook: {url: 'http://h/crisis', unsigned: a test}}"),
    ),
    (
        "contacts",
        "escalation.subscribers[0].name",
        EXCUSED + "escalation: {subscribers: [{name: players, path: /crisis, unsigned: a test}]}\n",
    ),
    ("contacts", "escalation.contacts.team.service", EXCUSED + TOLD),
    ("contacts", "escalation.contacts.team.mail", contact(MAIL)),
    ("listen", "listen[0]", "listen: 0.0.0.0:8080\n"),
    ("listen", "listen[0]", "listen: '[::]:8080'\n"),
    ("listen", "admin", "admin: 10.0.0.1:8081\n"),
    ("listen", "probe", "probe: 10.0.0.1:8082\n"),
    ("services", "services.players.endpoints[0]", PLAIN),
    ("registries", "discovery.etcd.endpoints", ETCD),
    ("registries", "discovery.consul.address", CONSUL),
    ("registries", "discovery.kubernetes.address", KUBERNETES),
    ("registries", "discovery.docker.address", DOCKER),
    ("alerts", "alerts.webhooks[0].url", "alerts: {webhooks: [{url: 'http://h/'}]}\n"),
    ("alerts", "alerts.alertmanagers[0].url", "alerts: {alertmanagers: [{url: 'http://h'}]}\n"),
    ("alerts", "alerts.mail[0].security", f"alerts: {{mail: [{MAIL[7:-1]}]}}\n"),
    ("database_url", "database_url", f"{DATABASE}disable\n"),
    ("database_url", "database_url", f"{DATABASE}require\n"),
    ("contacts", "escalation.contacts.team.service", FOUND.replace("SCHEME", "http") + TOLD),
]
WARNED = [
    ("services", "services.players.discover", FOUND.replace("SCHEME", "http")),
]
GOOD = [
    "valkey_url: rediss://10.0.0.1\n",
    "valkey_url: redis://127.0.0.2\n",
    "valkey_url: redis://localhost\n",
    "valkey_url: redis://[::1]\n",
    "valkey_url: unix:///run/valkey.sock\n",
    "cache_url: valkeys+cluster://a,b\n",
    contact("{webhook: {url: 'https://h/crisis', unsigned: a test}}"),
    contact("{webhook: {url: 'http://localhost/', unsigned: a test}}"),
    contact("{webhook: {url: 'http://[::1]/', unsigned: a test}}"),
    TOLD,
    "services: {players: {endpoints: ['unix:/run/players.sock', 'https://players']}}\n" + TOLD,
    FOUND.replace("SCHEME", "https") + TOLD,
    "listen: [{address: '0.0.0.0:80', plaintext: TLS ends at the load balancer}]\n",
    EXCUSED,
    "services: {players: {discover: {docker: players}, plaintext: one host}}\n",
    "discovery: {consul: {address: 'http://10.0.0.1:8500'}}\n",
    contact(MAIL.replace("none", "tls")),
    f"{DATABASE}verify-full\n",
    "listen: ['127.0.0.1:8080', 'unix:/run/gateway.sock']\nadmin: off\n",
    "listen: [{address: '0.0.0.0:80', redirect_to_https: true}]\n",
    "alerts: {webhooks: [{url: 'https://h/'}, {url: 'http://127.0.0.1/'}]}\n",
]


def warned(text: str) -> list[str]:
    found = loaded(text)
    return warnings(found.settings, found.document, "gateway.yaml")


def excused(key: str) -> str:
    return f"plaintext: {{{key}: 'WireGuard lies between'}}\n"


@pytest.mark.parametrize(("key", "path", "text"), REFUSED)
def test_what_is_in_the_clear_is_refused_without_a_reason(key: str, path: str, text: str) -> None:
    (found,) = complaints(text)
    assert f" {path}: " in found
    assert "would cross the network unencrypted" in found
    assert f"`plaintext: {{{key}: …}}`" in found
    assert "word" not in found


@pytest.mark.parametrize(("key", "path", "text"), REFUSED)
def test_with_a_reason_they_are_not(key: str, path: str, text: str) -> None:
    assert complaints(text + excused(key)) == []
    other = "cache_url" if key != "cache_url" else "contacts"
    assert path in complaints(text + excused(other))[0]


@pytest.mark.parametrize(("key", "path", "text"), WARNED)
def test_of_what_is_found_there_is_a_warning_without_a_reason(
    key: str, path: str, text: str
) -> None:
    (found,) = warned(text)
    assert f" {path}" in found
    assert ": warning: " in found
    assert f"`plaintext: {{{key}: …}}`" in found
    assert warned(text + excused(key)) == []


@pytest.mark.parametrize("text", GOOD)
def test_what_stays_here_or_is_encrypted_is_good(text: str) -> None:
    assert complaints(text) == []
    assert warned(text) == []


@pytest.mark.parametrize("reason", ["''", "'  '", "true"])
def test_nothing_is_no_reason(reason: str) -> None:
    text = f"valkey_url: redis://h\nplaintext: {{valkey_url: {reason}}}\n"
    assert "plaintext.valkey_url" in "\n".join(complaints(text))
