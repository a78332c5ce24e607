"""SQL: PostgreSQL, or SQLite in the state folder; the same code on both (SQLAlchemy Core).

Only control imports this: it costs a second and forty megabytes.  `url`: what an operator may
write.  `database`: connections and transactions; whatever keeps them from being had is one error,
`Unavailable`, so that a feature has one thing to say about it.
"""
