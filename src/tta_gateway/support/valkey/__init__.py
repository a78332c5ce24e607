"""Valkey and Redis (7.0 or newer): a client for a path that cannot wait.

One connection a process and server carries the commands of everybody, in the order in which they
were given; what is given in one turn of the loop is written in one piece.  Every command has a
deadline, and what is under way is bounded, so that a server that hangs costs a caller its deadline
and nobody else anything.  A command that cannot be sent raises at once: callers have something else
to do then, and say in their feature's docstring what.

`error`: what a caller may meet.  `topology`: who serves what, filled in by control.  `client`:
commands and scripts.  `subscriber`: channels.  `discovery`: asks Sentinel or a cluster who serves.
"""
