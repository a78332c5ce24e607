"""CORS: which pages of other origins may read the platform's answers.

A preflight is answered here, before anything asks who is calling (it carries no credentials).
Every answer to an allowed origin says so, errors included: otherwise a browser reports a network
error in place of a 401.  What services say about CORS themselves is replaced.  Nothing is stored.
"""
