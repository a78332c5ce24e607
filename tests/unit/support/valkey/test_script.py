"""Scripts and their names."""

from tta_gateway.support.valkey.script import Script


def test_a_script_has_the_name_that_servers_give_it() -> None:
    script = Script("return 1")
    assert script.source == b"return 1"
    assert script.sha == b"e0e1f9fabfc9d4800c877a703b823ac0578ff8db"  # of SCRIPT LOAD
