"""A route that asks who calls: `python bench/guarded.py` measures it beside HAProxy and Envoy.

All three prove the same token, by the same key, on every request; look for a role; give the request
an id; and write a line of JSON.  Ours and HAProxy also compare whose data it is.  Ours and Envoy
keep a token that they have proved, HAProxy has no such thing.
"""

import argparse
import base64
import json
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import machine
import process
import report
from answer import HEADERS_FILE
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from figures import Bar, Outcome, measured
from products import BENCH, PEERS, PRODUCTS, TARGET, Product
from run import FULL_ROUNDS, ROUNDS, SECONDS, compare

from tta_gateway.support.clock import SystemClock

LASTS: Final = 3600.0  # seconds
KEY_ID: Final = "bench-1"
BARS: Final = (
    Bar(claim="guarded route <= 0.75 x Envoy", product="gateway", reference="envoy", limit=0.75),
    Bar(claim="guarded route <= 1.6 x HAProxy", product="gateway", reference="haproxy", limit=1.6),
)
METHOD: Final = """\
As beside the peers above; but each request carries a token that is proved (signature, `iss`,
`aud`, `exp`), whose bearer must be a `player`, and, but for Envoy, the one whom the path names;
gets an id; and is logged as a line of JSON.  Ours and Envoy keep proved tokens, HAProxy proves
each time: its figure with a secret is what it needs besides.
"""


class Signer:
    """Signs one token, and says how it is proved."""

    def __init__(self, algorithm: str) -> None:
        """Make a key."""
        self.algorithm = algorithm
        self._rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._secret = secrets.token_hex(32)

    def token(self) -> str:
        """Return a token for the player whom the benchmark's path names."""
        now = SystemClock().wall()
        head = {"alg": self.algorithm, "typ": "JWT", "kid": KEY_ID}
        claims = {"iss": "https://id.platform.example", "aud": "tta", "sub": TARGET.split("/")[4]}
        times = {"iat": int(now), "exp": int(now + LASTS)}
        parts = [head, {**claims, **times, "roles": ["player"], "jti": secrets.token_hex(8)}]
        signed = ".".join(encoded(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{encoded(self._signature(signed.encode()))}"

    def _signature(self, data: bytes) -> bytes:
        if self.algorithm == "RS256":
            return self._rsa.sign(data, padding.PKCS1v15(), hashes.SHA256())
        made = hmac.HMAC(self._secret.encode(), hashes.SHA256())
        made.update(data)
        return made.finalize()

    def values(self) -> Mapping[str, str]:
        """Return what configurations need."""
        public = self._rsa.public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        numbers = public.public_numbers()
        key = {"kid": KEY_ID, "alg": self.algorithm, "use": "sig"}
        if self.algorithm == "RS256":
            key |= {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
        else:
            key |= {"kty": "oct", "k": encoded(self._secret.encode())}
        return {"jwks": json.dumps({"keys": [key]}), "public": pem, "secret": self._secret}


def encoded(data: bytes) -> str:
    """Return bytes as tokens have them (RFC 7515 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def products(signer: Signer) -> tuple[Product, ...]:
    """Return the three, as they are configured for this."""
    ours, haproxy, envoy = (_named(name) for name in ("gateway", "haproxy", "envoy-log"))
    values = {**signer.values(), "algorithm": signer.algorithm}
    is_public = signer.algorithm == "RS256"
    key = "guarded.pem" if is_public else values["secret"]
    believed = "keys: {file: guarded.jwks}" if is_public else "secret: {env: BENCH_SECRET}"
    return (
        replace(
            haproxy,
            title="HAProxy, token + role + owner + id + log",
            arguments=("-db", "-f", "@folder@/haproxy-guarded.cfg"),
            templates=(PEERS / "haproxy-guarded.cfg", BENCH / "guarded.pem"),
            variant="log",
            log=process.OUTPUT,
            values={**values, "haproxy_key": key},
        ),
        replace(
            ours,
            title="TTA Gateway, token + permission + owner + trace + log + metrics",
            arguments=("-m", "tta_gateway", "run", "-c", "@folder@/guarded.yaml"),
            templates=(BENCH / "guarded.yaml", BENCH / "guarded.jwks"),
            environment={"BENCH_SECRET": values["secret"]},
            values={**values, "believed": believed},
        ),
        replace(
            envoy,
            name="envoy",
            title="Envoy, token + role + id + log",
            arguments=tuple(one.replace("envoy.", "envoy-guarded.") for one in envoy.arguments),
            templates=(PEERS / "envoy-guarded.yaml",),
            values=values,
        ),
    )


def main() -> int:
    """Measure with each kind of key, print, and write the section; 0 if all has been measured."""
    options = _options()
    sections, done = [], True
    with process.everything_ended():
        for algorithm in options.algorithms.split(","):
            with process.everything_ended() as stack:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
                folder.chmod(0o755)
                signer = Signer(algorithm)
                headers = folder / "headers.txt"
                headers.write_text(_with_token(signer.token()))
                compared = products(signer)
                outcomes = compare(
                    compared, options=options, folder=folder, stack=stack, headers=headers
                )
                about = report.facts([*machine.description(folder), *machine.versions(compared)])
            done = done and all(measured(outcomes, one.name) for one in compared)
            sections.append(_section(algorithm, compared, outcomes))
    report.say("\n\n".join([about, *sections]))
    if options.write or options.rounds >= FULL_ROUNDS:
        title = "## A route that asks who calls"
        report.save("guarded", "\n\n".join([title, METHOD.strip(), about, *sections]))
    return 0 if done else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of each measurement")
    parser.add_argument("--warm-up", type=int, default=1, help="seconds before each measurement")
    parser.add_argument("--algorithms", default="RS256,HS256", help="how tokens are signed")
    parser.add_argument("--write", action="store_true", help="write RESULTS.md in any case")
    return parser.parse_args()


def _with_token(token: str) -> str:
    lines = HEADERS_FILE.read_text().splitlines()
    return "".join(
        f"Authorization: Bearer {token}\n" if line.startswith("Authorization:") else f"{line}\n"
        for line in lines
    )


def _section(algorithm: str, compared: tuple[Product, ...], outcomes: list[Outcome]) -> str:
    return "\n\n".join(
        [
            f"Tokens signed by {algorithm}:",
            report.peers_table(compared, outcomes=outcomes, references=("haproxy", "envoy")),
            report.bars_table(outcomes, BARS),
            report.failures(compared, outcomes=outcomes),
        ]
    )


def _named(name: str) -> Product:
    return next(product for product in PRODUCTS if product.name == name)


if __name__ == "__main__":
    process.run(main)
