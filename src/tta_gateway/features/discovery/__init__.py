"""Discovery: registries say which endpoints a service has, and the gateway asks those (R1.4, R6.1).

Several registries may speak of one service; each says all that it knows, again whenever that
changes.  What a registry said last stays in force while it cannot be reached: clients notice
nothing, operators are told.
"""
