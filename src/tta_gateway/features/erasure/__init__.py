"""Erasure: what people have written here is made unreadable for good, on every node (R8.3).

What a person writes is sealed with a key of their own where it rests (support/crypto).  Whoever
may, with a reason, has that key erased: on this node at once, on all others as soon as their
control looks into the database.  What stands in Valkey is deleted, and what is open of them ends
(node/forgetting.py, node/live_erasures.py); while Valkey is away the erasure waits for it, and
says so.  Where changes need two people, so does this: it is a change of
the kind `erasure`.  It cannot be undone.  Without the database nothing is erased (503).
"""
