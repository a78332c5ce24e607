"""Redaction: the one room that whatever leaves the gateway for people of its own passes.

Lines of logs, labels of metrics, alerts, the words of errors and the last words of a process:
`field` lets through only what is on its list, each as what it is; `pseudonym` stands for people,
by a key that changes with the day; `scrub` takes out of free texts what looks like somebody's, as a
second belt.  What people write passes nowhere: it stands sealed in records and incidents.
"""
