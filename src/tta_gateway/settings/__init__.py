"""Settings: the operator's configuration, one typed tree, and what it compiles into.

document, environment, profile   the file, and what is laid over it: one tree, and where each
                                 of its values stands
tree, listener, service, route   what may stand in it (pydantic), beside each feature's config
secret, exposure                 secrets that stand elsewhere, and those that others could read
not_yet, rules                   what that alone cannot say: keys to come, and what must agree
load                             all of this in order; every complaint at once, with its place
compile                          the settings as the snapshot that workers decide from
show, schema, reference          the settings as YAML, as JSON Schema, as rows of a table
"""
