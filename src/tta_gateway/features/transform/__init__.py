"""Transform: fields that the operator sets, adds or removes on the way, route by route.

`request_headers` and `response_headers` of a route; a value sets the field, null removes it, and
`{append: …}` adds fields behind those of that name that are there.  Fields that frame a message or
name the way here cannot be touched.  Nothing is stored.
"""
