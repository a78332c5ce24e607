"""Write what the detector's lexicon comes to beside it, so that no worker need read its text.

    python -m scripts.safety_keep

After every change of lexicon.txt: until then it is read as text, which takes a worker 60 ms more.
The same text gives the same file.
"""

import sys

from tta_gateway.features.safety.contents import kept
from tta_gateway.features.safety.detector import KEPT, LEXICON
from tta_gateway.features.safety.lexicon import contents_of


def main() -> int:
    """Write it."""
    text = LEXICON.read_text(encoding="utf-8")
    KEPT.write_bytes(kept(contents_of(text), text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
