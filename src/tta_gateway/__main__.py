"""`python -m tta_gateway` is the command `tta-gateway`."""

from tta_gateway.cli.entry import main

main()
