"""Real time: sessions, channels and their messages, in the Centrifugo client protocol.

A client connects to a worker, says who it is, and reads and writes channels; the SDKs of that
protocol are its clients as they are.  In each channel it is given one message after the other, in
the order that is the same for all, or is told that it was not (`recovered: false`, 2500).  Where
the store is away, what needs it is refused with 100, which SDKs try again; what is missing is read
when it is back.

`session` is one connection without a socket, `channel` one channel of a worker without a store;
`hub` brings them together with `channels` and `attendant`, `sockets` stands at the WebSockets, and
`valkey_broker` is the store.  Crowds are `fanout`'s, storms those of `arrivals` and `recoveries`.
Where services are asked what comes of what clients want, `contract` is what is said; one that is
away refuses with 100 too.
"""
