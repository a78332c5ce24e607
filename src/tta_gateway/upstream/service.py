"""A service at work: which of its endpoints to ask, and how much is under way.

Asked are the endpoints that are up and not ejected, and of these the ones that are not penalised
for their pace, as long as there are any.  Where too few of those that should be up are good, either
all are asked or none (`Panic`): better a try than certainty that nobody is helped.
"""

from collections.abc import Container
from typing import Final, Generic, TypeVar

from tta_gateway.kernel.events import EndpointChange, Proof
from tta_gateway.kernel.route import Endpoint, Outliers, Service
from tta_gateway.kernel.standing import Stand, Standing
from tta_gateway.support.metrics import Registry
from tta_gateway.upstream.affinity import MARKED, bounded, highest, marked, tagged
from tta_gateway.upstream.balance import Chance, LeastRequest, balancer
from tta_gateway.upstream.breakers import Breakers
from tta_gateway.upstream.outlier import LONG_AGO, is_failure, may_eject, outliers, proof_of
from tta_gateway.upstream.pace import SLOW
from tta_gateway.upstream.pool import Pool
from tta_gateway.upstream.retry import Allowance, within_budget
from tta_gateway.upstream.timing import Timings

C = TypeVar("C")  # a connection
W = TypeVar("W")  # who waits for one
_LEAST_START: Final = 0.1  # of its weight, for an endpoint that begins
_FAILED: Final = 2 * SLOW  # the ratio that a failure counts as: it may have come fast
_PROBE_PAUSE: Final = 0.5  # seconds between two probes of a service, at least
_PROBE_LATEST: Final = 3.0  # seconds after the last, however little is asked
_PROBE_SHARE: Final = 300  # requests for each probe, where there are many
_PROBE_PATIENCE: Final = 30.0  # seconds, for the answer
_MAY_BE: Final = ("up", "unproved")
_PROVED: Final = ("up", "down")
_DUE: Final = (*_PROVED, "unproved")
_PROBE_ANY: Final = 10.0  # seconds without a request that is safe, after which any may be one


class Notice:
    """An endpoint is not what it was; `lasts` is for how long it is ejected, in seconds.

    `proof` is what a check must show to end that sooner.
    """

    __slots__ = ("cause", "change", "endpoint", "lasts", "proof")

    def __init__(
        self, endpoint: str, change: EndpointChange, cause: str, lasts: float, proof: Proof
    ) -> None:
        """Keep what there is to say."""
        self.endpoint = endpoint
        self.change: EndpointChange = change
        self.cause = cause
        self.lasts = lasts
        self.proof: Proof = proof


class Upstream(Generic[C, W]):
    """A service's endpoints with their pools, and how many requests and retries are under way.

    `notices` are what has changed, until somebody takes them.
    """

    def __init__(self, service: Service, registry: Registry | None = None) -> None:
        """Begin with every endpoint unused; times are counted in the registry."""
        self.service = service
        self._timings = Timings(service.name, registry)
        self.balancer = balancer(service.balance)
        self.host = service.host.encode()
        self.active = 0
        self.retrying = 0
        self.down: tuple[str, ...] = ()
        self.degraded: tuple[str, ...] = ()
        self.notices: list[Notice] = []
        self.breakers = Breakers()
        self.allowance = Allowance()
        self.panics = False
        self.is_hopeless = False  # no endpoint is good: whoever else can should answer
        sticky = service.sticky
        self._bounded = service.balance == "consistent_hash"
        self._marks = sticky is not None and sticky.ttl is not None and not self._bounded
        self._paces = service.balance == "peak_ewma"
        self._probe: Pool[C, W] | None = None
        self._probe_is_late = False
        self._probed = LONG_AGO
        self._since_probe = 0
        self._interval = LONG_AGO
        self.pools: list[Pool[C, W]] = []
        self.open: list[Pool[C, W]] = []
        self.fit: list[Pool[C, W]] = []  # those that keys go by: a slow or new one keeps its own
        self._take([Pool(endpoint, service.limits) for endpoint in service.endpoints])

    def _take(self, pools: list[Pool[C, W]]) -> None:
        """Have these endpoints from now on."""
        self.pools = pools
        own = [name for pool in pools for name in pool.authorities]
        self.own = frozenset([*own, self.host.lower()] if self.host else own)
        self._sort_out()

    # Choosing

    def choose(
        self, tried: frozenset[str], chance: Chance, *, safe: bool = False
    ) -> Pool[C, W] | None:
        """Return the endpoint to ask: untried while there is one, with room while there is one.

        Where all that may be asked have been tried, a further try goes to one that is slow or
        ejected: who failed last may be dead, and no more may be ejected.

        A request that is `safe` to repeat may be a probe; where none comes, any may: some services
        are asked for nothing else.
        """
        pools = self.open
        if self._probe is not None and not tried and (safe or self._probe_is_late):
            return self._take_probe()
        if len(pools) == 1 and not tried:
            return pools[0]
        if not pools:
            return None
        if tried:
            pools = self._untried(pools, tried)
        chosen = self.balancer.choose(pools, chance)
        if not chosen.is_full:
            return chosen
        roomy = [pool for pool in pools if not pool.is_full]
        return self.balancer.choose(roomy, chance) if roomy else chosen

    def choose_for(self, key: bytes, tried: frozenset[str], chance: Chance) -> Pool[C, W] | None:
        """Return the endpoint that a key sticks to: of those that are fit, untried if there is one.

        How fast it is does not matter, nor, but for `consistent_hash`, how much it has to do: what
        it keeps in memory is nowhere else.
        """
        pools = self.fit
        if not pools:
            return None
        if tried:
            pools = self._untried(pools, tried)
        if self._bounded:
            return bounded(pools, key, self.service.load_bound)
        if self._marks:
            if len(key) != MARKED:
                return self.choose(tried, chance)  # a new session: wherever there is most room
            return tagged(pools, key) or highest(pools, key[:-6])
        return highest(pools, key)

    def _untried(self, pools: list[Pool[C, W]], tried: frozenset[str]) -> list[Pool[C, W]]:
        """Return those of these that were not tried, else the good ones, else the ejected ones."""
        ejected = [one for one in self.pools if one.ejected and one.state == "up"]
        for some in (pools, self._good(), ejected):
            found = [one for one in some if one.name not in tried]
            if found:
                return found
        return pools

    def marked(self, key: bytes, pool: Pool[C, W]) -> bytes:
        """Return what a request's key is from now on, once its endpoint is chosen."""
        return marked(key, pool.seed) if self._marks else key

    @property
    def why_nobody(self) -> str:
        """Return why no endpoint can be asked."""
        name = self.service.name
        if self.down:
            return f"The service `{name}` needs `{self.down[0]}`, which is down."
        if not self.pools:
            return f"The service `{name}` has no endpoint."
        return f"No endpoint of the service `{name}` is fit to be asked."

    def may_repeat(self, tried: frozenset[str], *, reached: bool) -> bool:
        """Tell whether one more try fits beside those under way; these endpoints were `tried`.

        Where nothing has arrived, a try at an endpoint that was not asked yet costs no more than
        the first would have there.
        """
        if not reached and any(one.name not in tried for one in self.pools if one.state in _MAY_BE):
            return True
        if within_budget(retrying=self.retrying, active=self.active):
            return True
        return self.allowance.take()

    def _take_probe(self) -> Pool[C, W] | None:
        probe, self._probe = self._probe, None
        return probe

    # Learning

    def answered(
        self, pool: Pool[C, W], route: str, status: int, elapsed: float, now: float
    ) -> None:
        """Take note of an answer's head; `elapsed` below 0 says that its time tells nothing."""
        record, bad = pool.record, is_failure(status)
        if bad:
            self._failed(pool, now, f"status {status}", proof_of(""))
        else:
            record.in_a_row = 0
            record.asked += 1
            self.allowance.answers += 1
        self._since_probe += 1
        if elapsed < 0.0:
            return
        timing = pool.timings.get(route)
        if timing is None:
            timing = pool.timings[route] = self._timings.of(pool.name, route)
        ratio = timing.observe(elapsed)
        if not self._paces or len(self.pools) == 1:
            return
        if bad:
            ratio = max(ratio, _FAILED)
        self._observe(pool, ratio, now)

    def failed(self, pool: Pool[C, W], cause: str, now: float) -> None:
        """Take note that an endpoint gave no answer, or none that was one."""
        self._failed(pool, now, cause, proof_of(cause))
        if self._paces and len(self.pools) > 1:
            self._observe(pool, _FAILED, now)

    def _observe(self, pool: Pool[C, W], ratio: float, now: float) -> None:
        if pool.pace.penalised:
            pool.probe_until = LONG_AGO
            if pool.pace.probed(ratio, now):
                self._notice(pool, "as_fast_as_its_peers", "")
                self._sort_out()
            elif self._is_far_too_slow(ratio):
                self._eject(pool, now, f"a probe took {ratio:.1f} times as long as is typical")
        else:
            pool.pace.observe(ratio, now)

    def _is_far_too_slow(self, ratio: float) -> bool:
        """Tell whether an endpoint that is penalised is to be left out for its last probe."""
        settings = self.service.outliers
        return settings is not None and 0.0 < settings.slow <= ratio

    def _failed(self, pool: Pool[C, W], now: float, cause: str, proof: Proof) -> None:
        record, settings = pool.record, self.service.outliers
        record.did_not(proof)
        if settings is not None and record.in_a_row >= settings.failures:
            cause = f"{record.in_a_row} failures in a row, the last: {cause}"
            self._eject(pool, now, cause, record.proof)

    def _eject(self, pool: Pool[C, W], now: float, cause: str, proof: Proof = "") -> None:
        settings = self.service.outliers
        if settings is None or pool.retired or not self._may_eject(pool, settings):
            return
        if self._good() == [pool]:
            return  # the others drain, are down or out: it is the only one
        lasts = pool.record.eject(settings, now)
        pool.ejected = True
        self._notice(pool, "ejected", f"{cause}; for {lasts:g} s", lasts, proof)
        self._sort_out()

    def _may_eject(self, pool: Pool[C, W], settings: Outliers) -> bool:
        ejected = sum(one.ejected for one in self.pools)
        of = len(self.pools)
        return not pool.ejected and may_eject(ejected=ejected, of=of, settings=settings)

    def _let_back_in(self, pool: Pool[C, W], now: float, cause: str = "") -> None:
        pool.ejected = False
        pool.record.until = min(pool.record.until, now)
        pool.up_since = now
        self._notice(pool, "let_back_in", cause)

    def _notice(
        self,
        pool: Pool[C, W],
        change: EndpointChange,
        cause: str,
        lasts: float = 0.0,
        proof: Proof = "",
    ) -> None:
        self.notices.append(Notice(pool.name, change, cause, lasts, proof))

    # Now and then

    def tick(self, now: float) -> None:
        """Do what is due: judge, let back in, probe, and weigh."""
        self.allowance.look(now, active=self.active)
        if len(self.pools) > 1 or any(one.ejected for one in self.pools):  # its peers may be gone
            self._judge(now)
            self._plan_probe(now)
        self._weigh(now)

    def _judge(self, now: float) -> None:
        changed = False
        best = min((one.pace.ratio for one in self._good()), default=1.0)
        for pool in self.pools:
            if pool.ejected and pool.record.until <= now:
                self._let_back_in(pool, now)
                pool.pace.clear()
                changed = True
            if not pool.ejected and pool.pace.judge(best):
                self._notice(pool, "penalised", _why(pool))
                changed = True
        settings = self.service.outliers
        if settings is not None and now - self._interval >= settings.interval:
            self._interval = now
            for record in outliers([one.record for one in self.pools], settings):
                pool = next(one for one in self.pools if one.record is record)
                self._eject(pool, now, f"{record.failed} of {record.asked} failed")
            for pool in self.pools:
                pool.record.begin_anew()
        if changed:
            self._sort_out()

    def _plan_probe(self, now: float) -> None:
        """Have one request ask one of those that are penalised, now and then."""
        since = now - self._probed
        self._probe_is_late = self._probe is not None and since >= _PROBE_ANY
        enough = self._since_probe >= _PROBE_SHARE or since >= _PROBE_LATEST
        if self._probe is not None or since < _PROBE_PAUSE or not enough or not self.open:
            return
        waiting = [one for one in self._good() if one.pace.penalised and one.probe_until <= now]
        if waiting and waiting != self.open:
            self._probe = min(waiting, key=_last_probe)
            self._probe.probe_until = now + _PROBE_PATIENCE
            self._probed = now
            self._since_probe = 0

    def _weigh(self, now: float) -> None:
        slow_start = self.service.slow_start
        for pool in self.pools:
            age = now - pool.up_since
            ramp = 1.0 if age >= slow_start else max(_LEAST_START, age / slow_start)
            factor = pool.pace.factor if self._paces else 1.0
            pool.weight = pool.endpoint.weight * ramp * factor
        weights = [pool.weight for pool in self.pools]
        if isinstance(self.balancer, LeastRequest) and weights:
            heaviest = max(weights)
            self.balancer.heaviest = 0.0 if min(weights) == heaviest else heaviest

    def _good(self) -> list[Pool[C, W]]:
        """Return those that are up and not ejected; while nobody is, those that are unproved.

        So nobody is asked before its first success where others have had theirs, and nobody is
        refused because the gateway has only just begun to look.
        """
        up = [one for one in self.pools if one.state == "up" and not one.ejected]
        return up or [one for one in self.pools if one.state == "unproved" and not one.ejected]

    def _sort_out(self) -> None:
        """Say who may be asked."""
        if self._probe is not None:  # nobody has taken it: there is no answer to wait for
            self._probe.probe_until = LONG_AGO
            self._probe = None
        good = self._good()
        known = any(one.state == "up" for one in self.pools)
        due = [one for one in self.pools if one.state in (_PROVED if known else _DUE)]
        panic = self.service.panic
        self.panics = len(due) > 0 and len(good) < max(1.0, panic.below * len(due))
        if self.down:
            self.open = []
        elif self.panics:
            self.open = due if panic.then == "spread" else []
        else:
            self.open = [one for one in good if not one.pace.penalised] or good
        fit = [one for one in self.pools if one.state in _MAY_BE and not one.ejected]
        self.fit = fit if good and not self.panics and not self.down else self.open
        self.is_hopeless = not good or not self.open

    # What control says

    def adopt(self, standing: Standing, *, now: float, wall: float) -> list[Pool[C, W]]:
        """Have the endpoints of this standing; return those that are gone.

        Who stays keeps its connections and what is known of it.
        """
        before = {_place(one.endpoint): one for one in self.pools}
        pools = []
        for stand in standing.endpoints:
            pool = before.pop(_place(stand.endpoint), None)
            if pool is None:
                pool = Pool(stand.endpoint, self.service.limits)
            pool.endpoint = stand.endpoint
            if stand.state == "up" and stand.fresh and (pool.state != "up" or not pool.known):
                pool.up_since = now - max(0.0, wall - stand.since)
            pool.state, pool.known = stand.state, True
            if pool.ejected and _is_cleared(pool.record.since, stand, now=now, wall=wall):
                self._let_back_in(pool, now, "its checks pass")
                if not pool.pace.penalised:  # else it is for probes to say
                    pool.pace.clear()
            self._eject_too(pool, stand, now=now, wall=wall)
            self._penalise_too(pool, stand)
            pools.append(pool)
        for gone in before.values():
            gone.retired = True
        self.down, self.degraded = standing.down, standing.degraded
        self._take(pools)
        self._weigh(now)
        return list(before.values())

    def retain(self, routes: Container[str]) -> None:
        """Forget what is known of all other routes: they are gone."""
        self._timings.retain(routes)
        for pool in self.pools:
            for gone in [one for one in pool.timings if one not in routes]:
                del pool.timings[gone]

    def _eject_too(self, pool: Pool[C, W], stand: Stand, *, now: float, wall: float) -> None:
        """Leave an endpoint out that another worker has ejected, or all of them together."""
        settings, lasts = self.service.outliers, stand.ejected_until - wall
        if lasts <= 0.0 or settings is None or pool.record.until > now:
            return
        # What is told of until then has been over once, if the clock was set back meanwhile.
        if stand.ejected_until == pool.told_out or not self._may_eject(pool, settings):
            return
        pool.told_out = stand.ejected_until
        pool.ejected = True
        lasts = min(lasts, settings.longest)
        pool.record.adopt(settings, lasts=lasts, times=stand.ejections, now=now)

    def _penalise_too(self, pool: Pool[C, W], stand: Stand) -> None:
        """Give only probes to an endpoint that is slow for all workers together: once each time.

        What this worker's own probes say afterwards stands.
        """
        if not self._paces or stand.slow_since in (0.0, pool.told_slow):
            return
        pool.told_slow = stand.slow_since
        if not pool.pace.penalised:
            pool.pace.told(stand.slow_ratio)


def _place(endpoint: Endpoint) -> tuple[str, int, str, bool, str]:
    """Return what makes an endpoint another one: connections to it are of no use there."""
    return (endpoint.host, endpoint.port, endpoint.unix, endpoint.tls, endpoint.authority)


def _is_cleared(since: float, stand: Stand, *, now: float, wall: float) -> bool:
    """Tell whether control says that an ejection of then is over."""
    over = stand.cleared > 0.0 and stand.ejected_until <= wall
    return over and since < now - (wall - stand.cleared)


def _why(pool: "Pool[C, W]") -> str:
    """Return why an endpoint is penalised: what becomes of its weight, and its pace."""
    weight = pool.endpoint.weight * pool.pace.factor
    return f"weight {weight:.2f}, {pool.pace.ratio:.1f} times as slow as its peers, or failing"


def _last_probe(pool: "Pool[C, W]") -> float:
    return pool.probe_until
