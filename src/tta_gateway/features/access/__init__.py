"""Access: what whoever is asking may see and do (R4.2, R4.4).

Roles hold permissions, `progress:read:care` say, and the table of both is configuration, never
what a token lists.  A route names the permission that each of its methods needs, whose data it is
(`owner`), and whether that is clinical.  The last part of what a role holds says how far it
reaches: `own` to what is the caller's own, `care` to what is of those whom they care for, `any` to
all.  Where a route names no owner, `own` is the service's to look at, by the token, and `care` is
worth nothing: nobody could tell.

Who lacks a permission in every reach hears 403, with its name.  Who has it, but not for the person
in the path, hears 404: a worker decides before it asks the service, from the path and from whom the
caller cares for alone, so that the answer is the same whether there is such a person or not.

A worker decides from its snapshot and from the live sections that control tells: who cares for whom
until when, and which glass is broken.  It asks no store.  Without control what was known stays in
force until it ends by itself; a section that cannot be read lets nobody in.
"""
