"""How much a service can be asked at once: found from how long it takes.

Nothing is limited but by `most` until a service has shown that it is asked too much, and nothing
again a while after it was: a crowd that it answers in its own time, however slowly, meets no limit.

A service that is asked more than it can do at once queues what is beyond: all its answers take as
many times longer, and ever more is under way.  One that is slow for other reasons keeps up with
what it is asked, and does not answer sooner if it is asked less.  So where answers take much longer
than is typical for their routes, hardly any comes as soon as ever, and more and more is under way,
less is asked (what is beyond waits in the gateway instead, where a higher class goes first).  If
the answers come sooner, that was it: from how many come in a second, and how long they take now,
follows how much is to be asked.  If not, this is how long they take, and the old limit is back.
Where it keeps up all the same, that is how long they take too.  Where somebody finds no room and
answers come as soon as ever, there is more room with every look.  A limit that is met all the time
is doubted now and then: a little less is asked, and if answers come sooner that is typical.

It does so only for somebody's sake: where all who ask are of one class nobody is before anybody,
and to have them wait here instead of there helps none of them.

Answers that say that there is too much to do, or that do not come in time, count at once, where
more than usual is asked: of a service that has no more to do than ever they tell something else.
"""

from typing import Final

from tta_gateway.features.admission.typical import ENDLESS, LEAST, SOME, Timing, Typical

_ENOUGH: Final = 50  # answers, to judge by
_SURE: Final = 100  # to judge an easing by
_SURE_OF_LITTLE: Final = 200  # and a doubt, which changes little
_PATIENCE: Final = 1.0  # seconds
_SETTLES: Final = 3.0  # times as long as is typical, after an easing
_FREE: Final = 1.05  # times as long as is typical: nothing queues
_GROWS_BELOW: Final = 1.15  # times as long as is typical
_EASES_ABOVE: Final = 1.45
_TO: Final = 1.1  # times as long, which easing is for
_LEAST_EASE: Final = 0.25  # of what was asked, at most at a time
_HELPED: Final = 0.5  # of what is to be expected if they had queued
_FEW: Final = 6.0  # asked at once: more or less is nothing to go by, but where they take
_DRAINS: Final = 30.0  # seconds, at most
_STUCK: Final = 15.0  # seconds
_CROWD: Final = 64  # under way, in this worker: nothing is limited before
_MUCH_LONGER: Final = 2.2  # times as long
_NEARLY: Final = 0.95
_MOSTLY: Final = 0.65
_LESS: Final = 0.93  # of what was asked before, to tell anything
_BAD: Final = 0.1  # of the answers
_BACK: Final = 0.7  # of what was asked, where they were bad
_FAST: Final = 1.5  # growth at a look, while nothing queues
_SLOW: Final = 1.1  # and where something may
_AGAIN: Final = 5.0  # seconds, after which a limit that is met all the time is doubted
_DOUBT: Final = 0.8
_QUEUES: Final = 1.2  # times as long as is typical: too long to ask more, and reason to doubt
_CERTAIN: Final = 0.85  # times as long, which is no chance
_MORE: Final = 0.15  # of what was answered, that is under way beside what was
_YOUNG: Final = 3.0  # seconds, in which what is typical is not known well
_CHANCE: Final = 36.0  # times the answers, the square of what comes or goes by chance
_GROWN: Final = 1.5  # times as much is under way as when answers began to take too long
_KEEPS_UP: Final = 1.1
_RISES: Final = 0.01  # in a second, what is typical: more slowly than any queue grows
_USUAL: Final = 0.2
_CALM: Final = 60.0  # seconds at ease, after which there is more and more room again
_AT_MOST: Final = 3.0  # seconds, in which a service answers what is asked over its limit
_RELIEF: Final = 0.1  # of those who ask
_LITTLE_RELIEF: Final = 0.05  # is enough, where there was more
_RELAXES: Final = 1.02  # at a look


class Easing:
    """What was, before less was asked to see what comes of it."""

    __slots__ = (
        "asked",
        "at",
        "ceiling",
        "done",
        "heard",
        "is_doubt",
        "limit",
        "rate",
        "took",
        "unseen",
    )

    def __init__(self, limit: float, ceiling: float, at: float) -> None:
        """Begin then, from this limit."""
        self.limit = limit
        self.ceiling = ceiling
        self.at = at
        self.asked = 0.0  # at once
        self.rate = 0.0  # answers in a second
        self.took = 0.0  # seconds, typically
        self.done = 0  # answers since, to whatever was asked before too
        self.unseen = 0.0  # seconds in which whoever timed answers was late
        self.is_doubt = False  # whether answers took about as long as is typical
        self.heard = False  # whether the first have come back that were asked since


class Adaptive:
    """The limit of one service in one worker."""

    def __init__(self, *, least: int, most: int) -> None:
        """Begin with the most that may ever be asked."""
        self.least = least
        self.most = most
        self.limit = float(max(least, most))
        self.ceiling = ENDLESS  # to what is asked, though room be kept for who does not come
        self._typical = Typical()
        self._easing: Easing | None = None
        self._grew = 0  # by so many is more under way than when it was last judged
        self._asked = 0.0  # at once, on average
        self._pace = 0.0  # answers in a second, lately
        self._usual = -1.0  # of peaks, while all was well
        self._in_flight = 0  # at the last look
        self._looked = 0.0  # when that was
        self._heard = 0  # and how many answers the window had
        self._silent, self._woke = False, -_AGAIN  # whether nothing had come, and until when
        self._since = 0.0  # who was asked before then does not count
        self._odd = 0.0  # since when answers take too long; 0: they do not
        self._odd_from = 0  # and how much was under way then
        # Whether there was too much, and has not been time enough since; and when somebody last
        # found no room, or answers were bad.
        self._met, self._trouble = False, -_CALM
        # When the limit is doubted, if it is met all the time; and when everybody found room last.
        self._doubts, self._roomy = 0.0, 0.0
        self._enough = ENDLESS  # the limit that the last easing found to be one
        self._helps = True  # whether there is anybody to whom it would be of use to ask less

    # What comes back

    def observe(self, timing: Timing, elapsed: float, began: float) -> None:
        """Take note of an answer's time, in seconds, to a request of then."""
        easing = self._easing
        if easing is not None:
            easing.done += 1
        if began < self._since:
            return
        elapsed = max(LEAST, elapsed)
        if easing is not None and not easing.heard:
            # Nothing could come before: what is answered in a second is counted from here on.
            easing.heard = True
            window = self._typical.window
            window.began = max(window.began, began + elapsed)
        self._typical.observe(timing, elapsed)

    def failed(self) -> None:
        """Take note that it had too much to do, or gave no answer in time."""
        self._typical.window.bad += 1

    def passed(self) -> None:
        """Take note of an answer whose time tells nothing of the service."""
        self._typical.window.untimed += 1

    @property
    def ratio(self) -> float:
        """Return how many times as long as is typical the answers took."""
        return self._typical.ratio

    @property
    def typical(self) -> float:
        """Return how long answers take typically, over the routes that were asked last, seconds."""
        return self._typical.seconds

    def takes(self, timing: Timing) -> float:
        """Return how long answers of this route take typically, seconds; 0.0: it is not known."""
        return self._typical.takes(timing)

    def is_free(self) -> bool:
        """Tell whether nothing is limited: the service has shown no distress, or long ago."""
        return not self._met and self._easing is None

    def is_short(self, now: float) -> bool:
        """Tell whether there is less room than was wanted, or was lately."""
        return not self.is_free() or now - self._trouble < _CALM

    def bearable(self) -> int:
        """Return how much those may ask at once, all in all, who would be refused otherwise."""
        return int(min(float(self.most), max(float(_CROWD), _AT_MOST * self._pace)))

    # Now and then

    def scale(self, factor: float) -> None:
        """Have as many times the limit as there are endpoints."""
        self.limit = min(float(self.most), max(float(self.least), self.limit * factor))
        self.ceiling = max(float(self.least), self.ceiling * factor)
        self._easing = None

    def look(
        self, now: float, *, in_flight: int, peak: int, wanted: bool, relief: float = 1.0
    ) -> int:
        """Return the limit from now on; `peak` were asked at once since, and more `wanted` to.

        `relief` is the share of those who could wait for the sake of others.
        """
        if self.is_free():
            self.limit, self.ceiling = float(max(self.least, self.most)), ENDLESS
        window = self._typical.window
        self._helps = relief >= (_LITTLE_RELIEF if self._helps else _RELIEF)
        window.busy = window.busy or wanted or 2 * peak >= self.limit
        window.peak = max(window.peak, peak)
        if wanted:
            self._want(now)
        else:
            self._roomy = now
        if self._easing is None and now > self._since + _PATIENCE:
            self._since = 0.0  # what takes longer than that was not late for the worker's sake
        if self._is_settling(now, in_flight):
            self._typical.forget(now, in_flight)
        elif self._is_silent():
            window.began += now - self._looked  # nothing that came tells of this time
            window.under_way += in_flight - self._in_flight
            self._silent = True
        elif self._wakes(now):
            self._typical.forget(now, in_flight)  # nor of that until the first came
        elif self._is_enough(now):
            self._grew = in_flight - window.under_way
            self._in_flight = in_flight
            self._judge(now, wanted=wanted)
            self._typical.forget(now, in_flight)
        self._in_flight, self._looked = in_flight, now
        self._heard = self._typical.window.answers()
        self._relax(now)
        return int(self.limit)

    def pass_over(self, now: float, *, in_flight: int) -> int:
        """Return the limit, and judge by nothing that came since: whoever timed it was late.

        What comes of an easing cannot be seen meanwhile: if that lasts, it is undone.
        """
        easing = self._easing
        if easing is not None:
            easing.heard = False
            easing.unseen += now - self._looked
            if easing.unseen > _STUCK:
                self._undo()
        self._typical.forget(now, in_flight)
        self._since = now
        self._in_flight, self._looked, self._heard = in_flight, now, 0
        return int(self.limit)

    def _want(self, now: float) -> None:
        """Take note that somebody found no room."""
        if now - self._trouble > _AGAIN:
            self._doubts = max(self._doubts, now + _AGAIN)
        self._trouble = now

    def _is_settling(self, now: float, in_flight: int) -> bool:
        """Tell whether it is too early to see what comes of an easing."""
        easing = self._easing
        if easing is None:
            return False
        if in_flight > self.limit and now - easing.at < _DRAINS:
            # What was asked before tells nothing of this limit, but what the service can do.
            drains = max(1e-3, now - easing.at)
            rate = easing.done / drains
            easing.rate = rate if drains > _PATIENCE else max(easing.rate, rate)
            self._since, easing.heard = now, False
            return True
        if in_flight > self.limit or self._is_stuck(now):
            self._go_on(wanted=False)
            return False
        return now < self._since + _SETTLES * easing.took  # the first to come back took the least

    def _is_stuck(self, now: float) -> bool:
        """Tell whether nothing comes of an easing, as where those that are let in take for ever."""
        return now - self._since > _STUCK and self._typical.window.answers() < SOME

    def _is_silent(self) -> bool:
        """Tell whether nothing came since the last look, nor before it what took too long."""
        window = self._typical.window
        if self._odd > 0.0 or window.prompt < window.count:
            return False
        return window.answers() == self._heard

    def _wakes(self, now: float) -> bool:
        """Tell whether what took long is the first that came since it was silent."""
        silent, self._silent = self._silent, False
        if (
            not silent
            or self._typical.window.prompt >= self._typical.window.count
            or now - self._woke < _AGAIN
        ):
            return False
        self._woke = now
        return True

    def _is_enough(self, now: float) -> bool:
        window = self._typical.window
        answers = window.answers()
        if answers < SOME:
            return False
        looked = window.elapsed(now)
        if self._easing is None:
            return answers >= _ENOUGH or not self._typical.is_known() or looked >= _PATIENCE
        timed = answers - window.untimed
        if timed < SOME:
            return timed == 0 and looked >= _AGAIN
        enough = _SURE_OF_LITTLE if self._easing.is_doubt else _SURE
        return looked >= self.typical and (timed >= enough or looked >= 2.0 * _PATIENCE)

    def _judge(self, now: float, *, wanted: bool) -> None:
        window = self._typical.window
        if window.bad <= _BAD * window.answers():
            self._get_used(window.peak)
        elif window.busy or self._is_more_than_usual():
            self._go_back(now)
            return
        if not window.count:
            self._go_on(wanted=wanted)
        elif not self._typical.is_known():
            self._typical.begin(now)
        elif self._typical.used:
            self._weigh(now, wanted=wanted)

    def _is_more_than_usual(self) -> bool:
        return self._usual >= 0.0 and self._typical.window.peak >= 2.0 * self._usual + _FEW

    def _get_used(self, peak: int) -> None:
        if self._usual < 0.0:
            self._usual = float(peak)
        self._usual += _USUAL * (peak - self._usual)

    def _go_on(self, *, wanted: bool) -> None:
        """Ask more of a service of which only failures tell anything: what it can do is unknown."""
        easing = self._easing
        if easing is not None:
            self.limit, self.ceiling, self._easing = easing.limit, easing.ceiling, None
        elif wanted:
            self._grow(_SLOW if self._met else _FAST)

    def _weigh(self, now: float, *, wanted: bool) -> None:
        """Judge by how long the answers took."""
        self._learn(now)
        easing = self._easing
        if easing is None:
            self._follow(now, wanted)
        else:
            self._see(easing, now)
        if self._easing is None:
            self._settle(now, wanted=wanted)

    def _learn(self, now: float) -> None:
        """Find how long the answers took, how much was asked at once, and answered in a second."""
        count = self._typical.learn()
        window = self._typical.window
        looked = window.elapsed(now)
        # Little's law: so many were under way at once, on average.
        self._asked = min(self.limit, window.all / looked)
        self._pace += min(1.0, looked) * (count / looked - self._pace)

    def _follow(self, now: float, wanted: bool) -> None:
        """Ask less or more."""
        ratio = self.ratio
        if ratio > _EASES_ABOVE:
            suspected = self._odd > 0.0
            if not suspected:
                self._odd, self._odd_from = now, self._in_flight
            # Once may be chance, and what comes after chance is better whatever is done.
            if ratio > _MUCH_LONGER or (suspected and self._asked >= _FEW):
                self._suspect(now, wanted)
            return
        self._odd = 0.0
        if wanted and ratio <= _GROWS_BELOW and self.limit < self.most:
            self._grow(_FAST if ratio <= _FREE and self.limit < self._enough else _SLOW)
        elif now > self._doubts and self._is_met(now):
            self._ease(now, _DOUBT, of=self.limit)

    def _is_met(self, now: float) -> bool:
        """Tell whether the limit is met all the time, and not by chance now and then."""
        met = self._asked >= _MOSTLY * min(self.limit, self.ceiling)
        return met and now - self._roomy >= _PATIENCE

    def _suspect(self, now: float, wanted: bool) -> None:
        """Ask less where answers take too long because too much is asked."""
        if max(self._asked, self._typical.window.peak) <= self.least:
            self._believe(self.ratio)  # so little is asked that it cannot be why
        elif wanted or (self._typical.queues and (self._met or self._is_a_growing_crowd())):
            self._ease_to_what_is_needed(now)
        elif self._in_flight > _KEEPS_UP * self._odd_from + _FEW:
            return  # it may keep up, or not
        elif now - self._odd > _AGAIN:
            self._believe(self.ratio)  # it keeps up: this is how long they take now

    def _ease_to_what_is_needed(self, now: float) -> None:
        """Ask as much at once as is answered in a second, times what an answer takes at the least.

        If that is what is asked, nothing queues: by Little's law.  Where there is a limit all have
        waited behind it, and what they took at the least tells nothing.
        """
        window = self._typical.window
        part = max(_LEAST_EASE, _TO / self.ratio)
        if not self._met:
            needed = window.count / window.elapsed(now) * window.least * self._typical.mean
            part = max(part, needed / self._asked)
        if part * self._asked < _LESS * max(self._asked, float(self._in_flight)):
            self._ease(now, part, of=self._asked)

    def _is_a_growing_crowd(self) -> bool:
        """Tell whether so much is under way that a moment's stall is no reason for it, and more."""
        return self._in_flight >= _CROWD and self._grows()

    def _grows(self) -> bool:
        """Tell whether more and more is under way: it does not keep up."""
        if self._odd > 0.0 and self._in_flight >= _GROWN * self._odd_from + _FEW:
            return True
        answers, grew = self._typical.window.answers(), self._grew
        return grew >= max(_FEW, _MORE * answers) and grew * grew >= _CHANCE * answers

    def _go_back(self, now: float) -> None:
        if not self._helps:
            return
        self._met, self._easing, self._trouble = True, None, now
        self.limit = max(
            float(self.least), _BACK * min(self.limit, float(self._typical.window.peak))
        )
        self.ceiling = self.limit

    def _ease(self, now: float, factor: float, *, of: float) -> None:
        """Ask less, to see whether that is why."""
        if not self._helps:
            return
        limit, least = float(int(of * factor)), float(self.least)
        self._odd = 0.0
        easing = Easing(self.limit, self.ceiling, now)
        easing.asked = max(self._asked, float(self._in_flight))
        easing.rate = max(
            self._pace, self._typical.window.count / self._typical.window.elapsed(now)
        )
        easing.took = self.typical
        easing.is_doubt = self.ratio <= _EASES_ABOVE
        self._easing = easing
        self.limit = max(least, limit)
        self.ceiling = min(self.ceiling, max(least, factor * easing.asked))
        self._since = now

    def _see(self, easing: Easing, now: float) -> None:
        """Judge an easing by what came of it.

        As much is needed at once as is answered in a second, times what an answer takes: if that is
        about what was asked before, nothing had queued.
        """
        self._easing, self.ceiling = None, easing.ceiling
        needed = easing.rate * easing.took * self.ratio
        asked = max(1.0, self._asked, float(self._in_flight))
        self._doubts = now + _AGAIN
        if asked > _LESS * easing.asked:
            self.limit = easing.limit  # as much was asked all the same: that tells nothing
        elif needed <= easing.asked - _HELPED * (easing.asked - asked):
            self._met = True
            self._lower(easing, now, asked=asked, needs=needed / asked)
        else:
            self.limit = easing.limit
            self._believe(self.ratio)

    def _lower(self, easing: Easing, now: float, *, asked: float, needs: float) -> None:
        """Take for the limit what so much was asked with, where as many times that is needed.

        Room that is kept for who does not come is part of the limit, and is not asked.
        """
        more = max(1.0, _TO * needs)
        if needs > _FREE:
            self._believe(self.ratio / _TO)
        else:
            self._doubts, more = now, 1.0  # it queues still: how long it takes then is not known
            if easing.is_doubt:
                self._believe(self.ratio / _QUEUES)
        self.ceiling = max(float(self.least), asked * more)
        self.limit = min(easing.limit, self.limit * more)
        self._enough = self.limit

    def _believe(self, ratio: float) -> None:
        """Take for typical what is as many times as long."""
        self._odd = 0.0
        self._typical.believe(ratio)

    def _settle(self, now: float, *, wanted: bool) -> None:
        """Follow what changes little, and slowly while there is room."""
        ratio = self.ratio
        if ratio < _CERTAIN:
            self._typical.base *= ratio**0.5
        elif wanted or self._grows():
            return
        elif now - self._typical.known_at < _YOUNG:
            self._typical.base *= (
                ratio**0.5
            )  # the first to come back were those that took the least
        elif ratio < _EASES_ABOVE:
            self._typical.base *= min(ratio**0.2, 1.0 + _RISES * self._typical.window.elapsed(now))

    def _relax(self, now: float) -> None:
        """Give back what was taken, a long while after it was last needed."""
        if self.is_free():
            return
        if not self._helps:
            self._lift()
            return
        if self._easing is not None or self._odd > 0.0:
            return
        if now - max(self._trouble, self._doubts - _AGAIN) < _CALM:
            return
        self._give_back(_RELAXES)

    def _lift(self) -> None:
        """Give back at once what was taken for the sake of those who ask no more."""
        self._undo()
        self._give_back(_FAST)

    def _undo(self) -> None:
        """Ask as much as before the easing, if there is one."""
        easing, self._easing = self._easing, None
        if easing is not None:
            self.limit, self.ceiling = easing.limit, easing.ceiling

    def _give_back(self, factor: float) -> None:
        self.limit *= factor
        self.ceiling *= factor
        if self.limit >= self.most:
            self.limit = float(self.most)
            self._met, self._enough = False, ENDLESS

    def _grow(self, factor: float) -> None:
        if self._typical.window.peak >= _NEARLY * self.ceiling:
            self.ceiling = self.ceiling * factor + 1.0
        self.limit = min(float(self.most), self.limit * factor + 1.0)
