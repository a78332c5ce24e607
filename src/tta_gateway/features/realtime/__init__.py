"""Real time: sessions, channels and their messages, in the Centrifugo client protocol.

Not reachable yet: what stands here are its pieces.
"""
