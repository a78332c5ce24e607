"""What the snapshot holds is told without what nobody may read."""

from tta_gateway.snapshot.model import Certificate, Listener, ListenerTls


def test_a_certificate_is_told_without_its_key() -> None:
    one = Certificate(certificate="/a.pem", pem=b"secret", kind="RSA", names=(), expires=0)
    assert repr(one) == "<certificate /a.pem>"
    assert "secret" not in repr(Listener(tls=ListenerTls(certificates=(one,))))
