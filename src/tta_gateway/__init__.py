"""TTA Gateway: one entry to a therapeutic platform, where nobody in a crisis is lost."""

__version__ = "0.1.0"
