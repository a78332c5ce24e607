"""When a key counts."""

from dataclasses import replace

from tta_gateway.features.identity.api_key_store import ApiKey

KEY = ApiKey("id", "reports", b"d", "tta_", ("service",), (), created=1.0, expires=9.0)


def test_it_counts_until_it_expires_or_is_revoked() -> None:
    assert KEY.counts(8.9)
    assert not KEY.counts(9.0)
    assert not replace(KEY, revoked=2.0).counts(3.0)


def test_what_is_printed_of_it_holds_no_digest() -> None:
    assert "digest" not in repr(KEY)
