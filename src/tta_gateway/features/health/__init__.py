"""Health: control asks every endpoint of a service, again and again, how it is (R6.2, R6.4, R6.5).

Written as `services.<name>.health`.  An endpoint that fails some checks in a row is asked by no
client until it has passed some; one that has just come is asked once it has passed its first.  What
services need of each other stands in `depends_on`: where a hard dependency is unhealthy, clients
read `503 upstream_unavailable` with its name; where a soft one is, `X-Degraded` names it on
answers.

A service is unhealthy when none of its endpoints is up.  While something that it needs fails, its
own endpoints are not counted as down, whatever they answer: they are there again as soon as that
is.

There is no store: while control is away, workers keep to what it has told last.
"""
