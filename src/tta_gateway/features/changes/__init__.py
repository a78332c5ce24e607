"""Changes that two people make: one proposes and says why, another approves, and then it is made.

A change of some kind (`kernel/two_person.py`; today the roles that `access.two_person` names) is
proposed by whoever holds `changes:propose`, and approved or rejected by whoever holds
`changes:approve` and is somebody else: not the same subject, over whatever session, nor the same
subject of another issuer.  The token of the administration is nobody's own, and so neither proposes
nor approves.  Who has proposed may withdraw it; what nobody decides in time expires.

It is made in the transaction in which it is approved, so exactly once, whichever nodes are asked at
once, or not at all.  Nothing is forgotten: who has done what stands in SQL, and each step is an
event.  Without the database nothing can be proposed or approved: `503`.
"""
