"""What holds for sockets of the gateway's own where a service says nothing else."""

from tta_gateway.kernel.socket import SocketTerms


def test_a_service_need_say_nothing() -> None:
    terms = SocketTerms()
    assert (terms.protocols, terms.largest, terms.deflates, terms.farewell) == (
        (),
        65536,
        False,
        None,
    )
