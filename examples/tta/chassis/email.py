"""An e-mail address, as far as the platform checks one."""

from typing import Annotated

from pydantic import StringConstraints

Email = Annotated[str, StringConstraints(pattern=r"^[\w.%+-]+@[\w.-]+\.\w{2,}$")]
