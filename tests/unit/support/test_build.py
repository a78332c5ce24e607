from pathlib import Path

from tta_gateway.support import build


def test_the_form_is_what_the_file_behind_the_module_is() -> None:
    as_python = Path(build.__file__).suffix == ".py"
    assert (build.form() == "interpreted") is as_python
