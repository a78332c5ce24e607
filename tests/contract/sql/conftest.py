"""The databases that all of this is tried on."""

from tests.helpers.databases import postgres, url

__all__ = ["postgres", "url"]
