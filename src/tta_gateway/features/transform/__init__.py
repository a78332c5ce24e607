"""Transform: fields that the operator sets or removes on the way, route by route.

`request_headers` and `response_headers` of a route; a value sets the field, null removes it.
Fields that frame a message or name the way here cannot be touched.  Nothing is stored.
"""
