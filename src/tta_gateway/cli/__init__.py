"""The command line: a module a group of commands, and what they share.

Nothing heavy is imported here: each command imports what it needs when it runs.
"""
