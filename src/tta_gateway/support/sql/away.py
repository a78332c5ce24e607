"""What keeps a database from being asked, for those who do not ask one themselves."""


class Unavailable(Exception):
    """The database cannot be asked; what was under way is undone, or has never begun.

    Only where the connection broke while a transaction was being committed it may be done even so.
    """


class Conflict(Exception):
    """Something that must be there once, or must be there, is not so: the transaction is undone."""
