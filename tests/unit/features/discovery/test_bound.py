"""What control needs of discovery."""

from tta_gateway.features.discovery.bound import (
    Consul,
    ConsulService,
    DnsName,
    Etcd,
    KubernetesService,
    RegistryOrigin,
    Wanted,
)

ORIGIN = RegistryOrigin(host="registry.example", port=8500)
SECRET = "kanarienvogel"


def test_no_token_and_no_password_is_ever_shown() -> None:
    shown = (
        repr(Consul(origin=ORIGIN, token=SECRET)),
        repr(Etcd(origins=(ORIGIN,), prefix="/s/", user="gateway", password=SECRET)),
    )
    for text in shown:
        assert "registry.example:8500" in text
        assert SECRET not in text


def test_a_service_is_looked_for_in_what_it_names() -> None:
    assert Wanted().sources("players") == set()
    everywhere = Wanted(
        dns=DnsName(name="a.example"),
        consul=ConsulService(service="a"),
        etcd="a",
        kubernetes=KubernetesService(service="a"),
        docker="a",
    )
    assert everywhere.sources("players") == {
        "dns/players",
        "consul",
        "etcd",
        "kubernetes",
        "docker",
    }
