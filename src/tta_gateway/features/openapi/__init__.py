"""OpenAPI: what the gateway itself serves to clients, described (OpenAPI 3.1).

The client sees `/api/v1/openapi.json`: every public endpoint that is switched on, with what it
takes and gives.  Nothing is stored; while control is away it is 503, like all public endpoints.
"""
