"""Request targets and hosts: the forms that RFC 9112 3.2 and RFC 9110 7.2 allow, and no others."""

import re
from typing import Final

_UNRESERVED: Final = rb"A-Za-z0-9\-._~"
_SUB_DELIMS: Final = rb"!$&'()*+,;="
# Beyond RFC 3986, what browsers send unescaped: [ ] { } | ^ ` \ in paths and queries alike; paths
# with a backslash are refused by routing, which knows whether the route allows it.
_BROWSERS: Final = rb"\[\]{}|^`\\"
_PATH_OCTETS: Final = rb"[" + _UNRESERVED + _SUB_DELIMS + _BROWSERS + rb":@/]*"
_QUERY_OCTETS: Final = rb"[" + _UNRESERVED + _SUB_DELIMS + _BROWSERS + rb":@/?]*"
# Each target matches in one way at most: with a second one, a bad target would take ages.
_PATH: Final = _PATH_OCTETS + rb"(?:%[0-9A-Fa-f]{2}" + _PATH_OCTETS + rb")*"
_QUERY: Final = _QUERY_OCTETS + rb"(?:%[0-9A-Fa-f]{2}" + _QUERY_OCTETS + rb")*"
ORIGIN_FORM: Final = re.compile(rb"/" + _PATH + rb"(?:\?" + _QUERY + rb")?")
_ABSOLUTE_FORM: Final = re.compile(rb"(?i:https?)://([^/?#@]+)(.*)", re.DOTALL)

_LABEL: Final = rb"(?:[A-Za-z0-9\-_~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+"
_NAME: Final = _LABEL + rb"(?:\." + _LABEL + rb")*\.?"
_V6: Final = rb"\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]"
_PORT: Final = rb"(?::(?:[0-9]{1,5})?)?"
HOST: Final = re.compile(rb"(?:" + _NAME + rb"|" + _V6 + rb")" + _PORT)
# Octets that need no second look in a target; deleting them is ten times faster than the pattern.
EVERYDAY: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/?&=+,:@!$*"
_MOST_HOSTS: Final = 1024
_LONGEST_HOST: Final = 261  # a name of 255 octets, a colon, a port
_hosts: set[bytes] = set()


def is_host(value: bytes) -> bool:
    """Tell whether the value is an authority without user information (RFC 9110 7.2)."""
    if value in _hosts:
        return True
    if len(value) > _LONGEST_HOST or HOST.fullmatch(value) is None:
        return False
    if len(_hosts) < _MOST_HOSTS:
        _hosts.add(value)
    return True


def is_everyday(target: bytes) -> bool:
    """Tell whether the target is an origin-form that needs no second look."""
    return target.startswith(b"/") and not target.translate(None, EVERYDAY)


def origin_form(target: bytes, *, method: bytes, host: bytes | None) -> bytes | None:
    """Return the target in origin-form, or None if it has no such form or is not allowed.

    An absolute-form target must name the host that the Host field names: where they differ,
    somebody along the way would believe the other one.  `*` is allowed for OPTIONS alone.
    """
    if target.startswith(b"/"):
        if is_everyday(target):
            return target
        return target if ORIGIN_FORM.fullmatch(target) else None
    if target == b"*":
        return target if method == b"OPTIONS" else None
    absolute = _ABSOLUTE_FORM.fullmatch(target)
    if absolute is None or host is None or absolute[1].lower() != host.lower():
        return None
    path = absolute[2] if absolute[2].startswith(b"/") else b"/" + absolute[2]
    return path if ORIGIN_FORM.fullmatch(path) else None
