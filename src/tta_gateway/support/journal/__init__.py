"""The journal: what must not be lost on its way to whoever takes care of it.

A folder for each slot of a worker, with segments: files of one size, written with zeros when they
are made, so that a disk that fills up later still takes what comes.  Records are sealed, framed
with their length and a checksum, and written by one thread, which tells of one only when
`fdatasync` has returned; records that come meanwhile go together.  A writer never goes on in a
segment that another has written in, nor in one of which a sync has failed.  The next segment is
there before it is needed: it is what a full disk has left for those in need.

`frames`: records in bytes.  `segment`: a file of them.  `disk`: the calls that may fail.  `slot`:
where a writer writes.  `writer`: a worker's end.  `reader`: the guard's, which keeps its marks (how
far it has read each segment) in its own transactions.  `wake`: how it hears at once that there is
something.  `medium`: what a folder stands on.  `metrics`: what is counted.
"""
