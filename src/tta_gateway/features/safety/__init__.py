"""Safety: what people at risk write is seen, answered with help, and brought to those who care.

The detector is pure and embedded; docs/safety/model-card.md says what it can and cannot do.
"""
