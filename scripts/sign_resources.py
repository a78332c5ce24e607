"""Sign a file of help lines, once somebody has tried every line that is changed.

    python scripts/sign_resources.py                      the package's own, with a new key
    python scripts/sign_resources.py FILE --key PRIVATE   an operator's, with a key of theirs

The key of the package's file is made by chance, its public half pinned in resources.py, and its
private half forgotten: there is nothing to steal.  An operator's private key (PEM, Ed25519) is made
by `openssl genpkey -algorithm ed25519`; `safety.resources.public_key` takes what is printed.
"""

import json
import re
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tta_gateway.features.safety.resources import canonical, checked
from tta_gateway.support.signature import new_key, sign

FOLDER: Final = Path(__file__).parent.parent / "src/tta_gateway/features/safety"
_PINNED: Final = re.compile(r'(?<=PINNED: Final = ")[^"]*(?=")')


def main(arguments: Sequence[str]) -> None:
    """Sign what is named."""
    parser = ArgumentParser(description="Sign a file of help lines.")
    parser.add_argument("file", type=Path, nargs="?", default=FOLDER / "resources.json")
    parser.add_argument("--key", type=Path, help="A private key of Ed25519, in PEM.")
    given = parser.parse_args(arguments)
    public = signed(given.file, new_key() if given.key is None else _key(given.key))
    print(f"{given.file} is signed; its public key is {public}")
    if given.key is None:
        pin(FOLDER / "resources.py", public)


def signed(file: Path, key: Ed25519PrivateKey) -> str:
    """Sign a file in its place; return the public key.  ValueError if it cannot be shown so."""
    content = json.loads(file.read_text())["signed"]
    checked(content)
    signature, public = sign(canonical(content), key)
    made = {"signed": content, "signature": signature}
    file.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n")
    return public


def pin(module: Path, public: str) -> None:
    """Write the public key into the module."""
    module.write_text(_PINNED.sub(public, module.read_text()))


def _key(file: Path) -> Ed25519PrivateKey:
    key = load_pem_private_key(file.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{file} holds no key of Ed25519")
    return key


if __name__ == "__main__":
    main(sys.argv[1:])
