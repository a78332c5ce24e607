"""Token relay: what a service is shown of who is asking.

The token as it came, none, or a narrow one that the gateway mints for this service.  What clients
themselves say of who they are goes nowhere.
"""
