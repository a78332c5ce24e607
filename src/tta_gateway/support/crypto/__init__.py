"""Encryption of what rests: keys that seal keys, a key for each person, and what it seals.

`sealing`: bytes sealed with a key.  `ring`: the keys that seal other keys, of which the newest is
used and older ones still open.  `envelope`: content sealed with a person's own key, which names the
key.  `key_store`: where those keys are kept, in a file of the state folder; without one, what it
had sealed is gone.  `tree`: keys that follow from one secret, of which single ones can be
destroyed; `forest`: the trees that are in use; `forest_file`: where a node keeps its own.  `vault`:
content in a store for state.
"""
