"""What control needs of discovery."""

from tta_gateway.features.discovery.bound import Consul, Etcd, RegistryOrigin

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
