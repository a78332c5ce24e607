"""Safety: what a person in need writes is seen, answered with help, and brought to those who care.

Whoever is refused on a therapeutic route, or finds nothing under its path, is told where help is:
the field `X-Crisis-Support`, and a card (`help`) in the error itself.  An answer to somebody at
risk carries the same field, and a `safety` block where it is a JSON object.  For this no store and
no service is asked: help lines stand in the snapshot, and who is in no region that they know is
told of findahelpline.com.

The detector is pure and embedded; docs/safety/model-card.md says what it can and cannot do.
"""
