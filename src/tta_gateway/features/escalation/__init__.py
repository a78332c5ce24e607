"""Escalation: somebody in need is told of to people, again and to more of them, until one answers.

The guard process reads what workers have written into their journals.  The reports of one person
are one incident; it calls those whom the ladder of its level names, and on to the next rung when
nobody acknowledges in time, for ever.  All of it stands in a file of SQLite that nobody else has,
one transaction a step, so that neither Valkey nor the database nor control need be there.

What the client sees: nothing.  When a channel is down its notices are tried again, and the other
channels are not held up; when nobody at all can be reached that is an alert, and a line of the log.
A notice carries who, how urgent and where to look; never what somebody has written.  We claim no
clinical validation: a level says how soon somebody should look, and its absence says nothing.
"""
