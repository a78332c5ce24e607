"""Places: the way of an error through the code, without anything that a person wrote."""


def places(error: BaseException) -> list[str]:
    """Return file and line of each step of the trace, without values."""
    found = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append(f"{code.co_filename.rsplit('tta_gateway/', 1)[-1]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return found
