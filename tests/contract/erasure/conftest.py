"""Tests here run on both databases."""

from tests.helpers.databases import postgres, url

__all__ = ["postgres", "url"]
