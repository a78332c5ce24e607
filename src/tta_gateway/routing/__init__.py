"""Routing: which route takes a request, decided on a tree of templates.  Pure."""
