"""The therapeutic platform as it is today, small enough to read, for a demonstration.

Six services with the platform's paths, bodies, tokens and headers, and with most of its faults, so
that the gateway has something real to stand in front of.  Where a service here is kinder than the
platform, the line that is says so.  `python -m examples.tta.run` starts all of it.
"""
