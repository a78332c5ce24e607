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

_LEAST: Final = 1e-6  # seconds: whatever a clock says, an answer takes some time
_ENOUGH: Final = 50  # answers, to judge by
_SURE: Final = 100  # to judge an easing by
_SURE_OF_LITTLE: Final = 200  # and a doubt, which changes little
_SOME: Final = 10  # are enough at first, and after
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
_OUTLIER: Final = 5.0  # times as long as all answers did last
_AGAIN: Final = 5.0  # seconds, after which a limit that is met all the time is doubted
_DOUBT: Final = 0.8
_QUEUES: Final = 1.2  # times as long as is typical: too long to ask more, and reason to doubt
_LEARN: Final = 0.2
_CERTAIN: Final = 0.85  # times as long, which is no chance
_AS_EVER: Final = 1.1  # times as long as is typical
_MANY: Final = 0.4  # of the answers, that come as soon as ever: nothing queues before them
_MORE: Final = 0.15  # of what was answered, that is under way beside what was
_YOUNG: Final = 3.0  # seconds, in which what is typical is not known well
_CHANCE: Final = 36.0  # times the answers, the square of what comes or goes by chance
_GROWN: Final = 1.5  # times as much is under way as when answers began to take too long
_KEEPS_UP: Final = 1.1
_RISES: Final = 0.01  # in a second, what is typical: more slowly than any queue grows
_USUAL: Final = 0.2
_CALM: Final = 60.0  # seconds at ease, after which there is more and more room again
_ENDLESS: Final = 1e9
_AT_MOST: Final = 3.0  # seconds, in which a service answers what is asked over its limit
_RELIEF: Final = 0.1  # of those who ask
_LITTLE_RELIEF: Final = 0.05  # is enough, where there was more
_RELAXES: Final = 1.02  # at a look


class Timing:
    """How long a route's answers take typically, and how long they took since the last look."""

    __slots__ = ("count", "total", "typical")

    def __init__(self) -> None:
        """Begin with nothing known."""
        self.typical = 0.0
        self.count = 0
        self.total = 0.0


class Window:
    """What came since the last judgement, and what was asked."""

    __slots__ = (
        "all",
        "bad",
        "began",
        "busy",
        "count",
        "least",
        "peak",
        "prompt",
        "under_way",
        "untimed",
    )

    def __init__(self, now: float, under_way: int) -> None:
        """Begin now, with so many under way."""
        self.began = now
        self.under_way = under_way
        self.count = 0  # whose times tell something
        self.untimed = 0
        self.bad = 0
        self.prompt = 0  # of those that count, which came as soon as ever
        self.all = 0.0  # seconds that they took
        self.least = _ENDLESS  # times as long as is typical: the one that took the least
        self.peak = 0
        self.busy = False  # whether half of the limit was asked at once, or more

    def answers(self) -> int:
        """Return how many answers came, and failures."""
        return self.count + self.bad + self.untimed

    def elapsed(self, now: float) -> float:
        """Return how long it has lasted, in seconds."""
        return max(1e-3, now - self.began)


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
        self.ceiling = _ENDLESS  # to what is asked, though room be kept for who does not come
        self.ratio = 1.0  # how many times as long as is typical the answers took
        self._raw = 1.0  # the same, by the timings alone
        self._base = 1.0  # what the timings are to be multiplied by
        self._typical = 0.0
        self._used: list[Timing] = []
        self._new: list[Timing] = []
        self._window = Window(0.0, 0)
        self._easing: Easing | None = None
        self._queues = False  # whether hardly any answer came as soon as ever
        self._grew = 0  # by so many is more under way than when it was last judged
        self._asked = 0.0  # at once, on average
        self._pace = 0.0  # answers in a second, lately
        self._usual = -1.0  # of peaks, while all was well
        self._in_flight = 0  # at the last look
        self._looked = 0.0  # when that was
        self._heard = 0  # and how many answers the window had
        self._silent, self._woke = False, -_AGAIN  # whether nothing had come, and until when
        self._since = 0.0  # who was asked before then does not count
        self._known_at = -1.0  # when it was first known what is typical
        self._odd = 0.0  # since when answers take too long; 0: they do not
        self._odd_from = 0  # and how much was under way then
        # Whether there was too much, and has not been time enough since; and when somebody last
        # found no room, or answers were bad.
        self._met, self._trouble = False, -_CALM
        # When the limit is doubted, if it is met all the time; and when everybody found room last.
        self._doubts, self._roomy = 0.0, 0.0
        self._enough = _ENDLESS  # the limit that the last easing found to be one
        self._helps = True  # whether there is anybody to whom it would be of use to ask less

    # What comes back

    def observe(self, timing: Timing, elapsed: float, began: float) -> None:
        """Take note of an answer's time, in seconds, to a request of then."""
        easing, window = self._easing, self._window
        if easing is not None:
            easing.done += 1
        if began < self._since:
            return
        elapsed = max(_LEAST, elapsed)
        if easing is not None and not easing.heard:
            # Nothing could come before: what is answered in a second is counted from here on.
            easing.heard = True
            window.began = max(window.began, began + elapsed)
        window.count += 1
        if timing.typical == 0.0:
            self._meet(timing, elapsed)
            return
        if timing.count == 0:
            self._used.append(timing)
        timing.count += 1
        window.all += elapsed
        times = elapsed / timing.typical
        if times < window.least:
            window.least = times
        if times <= _AS_EVER * self._base:
            window.prompt += 1
        most = _OUTLIER * max(1.0, self._raw) * timing.typical
        timing.total += min(most, elapsed)

    def _meet(self, timing: Timing, elapsed: float) -> None:
        """Take note of an answer of a route of which nothing is typical yet."""
        if timing.count == 0:
            self._new.append(timing)
        timing.count += 1
        timing.total += elapsed
        if self._known_at >= 0.0 and timing.count >= _SOME:
            self._new.remove(timing)
            self._know(timing)

    def _know(self, timing: Timing) -> None:
        """Take what a route has taken so far for typical."""
        timing.typical = max(_LEAST, timing.total / timing.count / self._raw)
        timing.count, timing.total = 0, 0.0

    def failed(self) -> None:
        """Take note that it had too much to do, or gave no answer in time."""
        self._window.bad += 1

    def passed(self) -> None:
        """Take note of an answer whose time tells nothing of the service."""
        self._window.untimed += 1

    @property
    def typical(self) -> float:
        """Return how long answers take typically, over the routes that were asked last, seconds."""
        return self._typical * self._base

    def takes(self, timing: Timing) -> float:
        """Return how long answers of this route take typically, seconds; 0.0: it is not known."""
        return timing.typical * self._base

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
            self.limit, self.ceiling = float(max(self.least, self.most)), _ENDLESS
        window = self._window
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
            self._forget(now, in_flight)
        elif self._is_silent():
            window.began += now - self._looked  # nothing that came tells of this time
            window.under_way += in_flight - self._in_flight
            self._silent = True
        elif self._wakes(now):
            self._forget(now, in_flight)  # nor of that until the first came
        elif self._is_enough(now):
            self._grew = in_flight - window.under_way
            self._in_flight = in_flight
            self._judge(now, wanted=wanted)
            self._forget(now, in_flight)
        self._in_flight, self._looked = in_flight, now
        self._heard = self._window.answers()
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
        self._forget(now, in_flight)
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
        return now - self._since > _STUCK and self._window.answers() < _SOME

    def _is_silent(self) -> bool:
        """Tell whether nothing came since the last look, nor before it what took too long."""
        window = self._window
        if self._odd > 0.0 or window.prompt < window.count:
            return False
        return window.answers() == self._heard

    def _wakes(self, now: float) -> bool:
        """Tell whether what took long is the first that came since it was silent."""
        silent, self._silent = self._silent, False
        if not silent or self._window.prompt >= self._window.count or now - self._woke < _AGAIN:
            return False
        self._woke = now
        return True

    def _is_enough(self, now: float) -> bool:
        window = self._window
        answers = window.answers()
        if answers < _SOME:
            return False
        looked = window.elapsed(now)
        if self._easing is None:
            return answers >= _ENOUGH or self._known_at < 0.0 or looked >= _PATIENCE
        timed = answers - window.untimed
        if timed < _SOME:
            return timed == 0 and looked >= _AGAIN
        enough = _SURE_OF_LITTLE if self._easing.is_doubt else _SURE
        return looked >= self.typical and (timed >= enough or looked >= 2.0 * _PATIENCE)

    def _forget(self, now: float, in_flight: int) -> None:
        for timing in self._used:
            timing.count, timing.total = 0, 0.0
        self._used.clear()
        self._window = Window(now, in_flight)

    def _judge(self, now: float, *, wanted: bool) -> None:
        window = self._window
        if window.bad <= _BAD * window.answers():
            self._get_used(window.peak)
        elif window.busy or self._is_more_than_usual():
            self._go_back(now)
            return
        if not window.count:
            self._go_on(wanted=wanted)
        elif self._known_at < 0.0:
            self._begin(now)
        elif self._used:
            self._weigh(now, wanted=wanted)

    def _is_more_than_usual(self) -> bool:
        return self._usual >= 0.0 and self._window.peak >= 2.0 * self._usual + _FEW

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

    def _begin(self, now: float) -> None:
        """Take what the first answers took for typical."""
        self._known_at = now
        self._typical = sum(timing.total for timing in self._new) / max(1, self._window.count)
        for timing in self._new:
            self._know(timing)
        self._new.clear()

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
        """Find how many times as long as is typical all took, and what of that is each route's."""
        window = self._window
        total, typical, count = 0.0, 0.0, 0
        for timing in self._used:
            total += timing.total
            typical += timing.count * timing.typical
            count += timing.count
        # What queues has all wait: where many come as soon as ever, the others have their reasons.
        self._queues = window.prompt < _MANY * count
        self._raw = (window.all if self._queues else total) / typical
        self._typical = typical / count
        looked = window.elapsed(now)
        # Little's law: so many were under way at once, on average.
        self._asked = min(self.limit, window.all / looked)
        self._pace += min(1.0, looked) * (count / looked - self._pace)
        for timing in self._used:
            its = timing.total / timing.count / (total / typical)
            timing.typical += _LEARN * timing.count / count * (its - timing.typical)
        self.ratio = self._raw / self._base

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
        if max(self._asked, self._window.peak) <= self.least:
            self._believe(self.ratio)  # so little is asked that it cannot be why
        elif wanted or (self._queues and (self._met or self._is_a_growing_crowd())):
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
        window = self._window
        part = max(_LEAST_EASE, _TO / self.ratio)
        if not self._met:
            needed = window.count / window.elapsed(now) * window.least * self._typical
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
        answers, grew = self._window.answers(), self._grew
        return grew >= max(_FEW, _MORE * answers) and grew * grew >= _CHANCE * answers

    def _go_back(self, now: float) -> None:
        if not self._helps:
            return
        self._met, self._easing, self._trouble = True, None, now
        self.limit = max(float(self.least), _BACK * min(self.limit, float(self._window.peak)))
        self.ceiling = self.limit

    def _ease(self, now: float, factor: float, *, of: float) -> None:
        """Ask less, to see whether that is why."""
        if not self._helps:
            return
        limit, least = float(int(of * factor)), float(self.least)
        self._odd = 0.0
        easing = Easing(self.limit, self.ceiling, now)
        easing.asked = max(self._asked, float(self._in_flight))
        easing.rate = max(self._pace, self._window.count / self._window.elapsed(now))
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
        self._base *= ratio
        self.ratio /= ratio

    def _settle(self, now: float, *, wanted: bool) -> None:
        """Follow what changes little, and slowly while there is room."""
        ratio = self.ratio
        if ratio < _CERTAIN:
            self._base *= ratio**0.5
        elif wanted or self._grows():
            return
        elif now - self._known_at < _YOUNG:
            self._base *= ratio**0.5  # the first to come back were those that took the least
        elif ratio < _EASES_ABOVE:
            self._base *= min(ratio**0.2, 1.0 + _RISES * self._window.elapsed(now))

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
            self._met, self._enough = False, _ENDLESS

    def _grow(self, factor: float) -> None:
        if self._window.peak >= _NEARLY * self.ceiling:
            self.ceiling = self.ceiling * factor + 1.0
        self.limit = min(float(self.most), self.limit * factor + 1.0)
