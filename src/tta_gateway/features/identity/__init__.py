"""Identity: who is asking (R4.1-R4.5, R7.2).

A worker proves a bearer token once and remembers it by its digest until it expires; nothing revokes
one yet.  What it proves by are keys that stand in the snapshot, or that control has fetched
and told, so that neither control nor any store is asked on the way of a request: none of them can
be down.  Keys that cannot be fetched any more stay as they were.  A client that shows no token
where one is needed, or one that is not believed, hears 401 and a code that says why.
"""
