"""Error records: what happened behind an error that a client was told, and behind an act of safety.

Whatever answers 5xx, the gateway's own or a service's, and whatever safety does (help given, a
message kept, an answer withheld, a text found harmful) leaves a record under the correlation id of
the exchange: its trace, its tries, what the service said, and what broke.  Answers and logs hold
the id and no more.  A record is sealed, with the key of the person whose exchange it was where that
is known, stands in a file of the state folder for so long, and is read by people who may, with a
reason that is kept.

What the client sees: nothing but the id.  When the disk does not take records, or there are more of
them than are kept in a second, they are lost and counted; no request and no answer waits for one.
"""
