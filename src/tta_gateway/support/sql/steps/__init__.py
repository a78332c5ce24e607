"""Steps of the schema, each a revision of alembic's; forward only: a backup leads back.

A step that has landed is never changed.  It names its tables itself and imports nothing of the
features whose they are, so that it goes on meaning what it meant.
"""
