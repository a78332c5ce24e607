"""Admission: who is served first, who waits, and who is turned away, when there is too much to do.

Every request has a class: crisis, therapeutic (where nothing is said), standard or background.  Its
route says which, and what the gateway itself knows of the person lifts it: never a header.  Each
worker lets so many requests to a service at once as the service answers in time; some of that is
reserved for the higher classes.  Who finds no room waits a moment, higher classes first, and who
cannot be served in time is turned away early.  A worker that cannot keep up turns away background
and standard requests before the others.

The client sees 503 `admission_shed` or `admission_overloaded` with a jittered `Retry-After`; the
service sees `X-Traffic-Class`.  Nothing is stored and no other process is asked: each worker
decides by what it sees itself.
"""
