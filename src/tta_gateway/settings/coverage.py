"""Coverage: which routes are looked at, in words, so that nobody believes more than is so."""

from collections import Counter
from collections.abc import Iterator, Sequence

from tta_gateway.features.safety.bound import MODES, Mode, SafetyBound
from tta_gateway.features.safety.resources import unverified
from tta_gateway.settings import called
from tta_gateway.settings.declaring import declarers
from tta_gateway.settings.realtime import ChannelConfig, mode_of
from tta_gateway.settings.route import RouteConfig
from tta_gateway.settings.safety import THERAPEUTIC, UNHEARD, compile, compiled_route
from tta_gateway.settings.tree import Settings


def lines(settings: Settings) -> Iterator[str]:
    """Yield what is scanned, what is not and why, who is called, and what help lines there are.

    ConfigError if these are not what was signed.
    """
    routes = settings.routes
    therapeutic = [one for one in routes if one.traffic_class in THERAPEUTIC]
    scanned = sum(_mode(one) not in UNHEARD for one in therapeutic)
    unheld = sum(_mode(one) == "async" for one in therapeutic)
    share = f" ({100 * scanned // len(therapeutic)} %)" if therapeutic else ""
    if unheld:
        share += f", {unheld} of them in what people write alone (async)"
    yield (
        f"safety: {scanned} of {len(therapeutic)} therapeutic routes are scanned{share}; of all "
        f"routes: {_counted(routes)}"
    )
    for place, one in enumerate(routes):
        if _mode(one) in UNHEARD:
            yield f"safety: routes[{place}] {one.path}: {_mode(one)}{_reason(one, _mode(one))}"
    yield from _of_declared(settings)
    yield from _of_channels(settings)
    yield from called.told(settings)
    yield _of_help_lines(compile(settings.safety))


def _of_declared(settings: Settings) -> Iterator[str]:
    """Yield who may declare routes: how these are looked at is none of theirs."""
    names = declarers(settings)
    if names:
        mode = compiled_route(None, None).mode
        yield f"safety: routes that services declare themselves ({', '.join(names)}): {mode}"


def _of_channels(settings: Settings) -> Iterator[str]:
    """Yield how what is said to the hub is looked at, where there is one."""
    channels = {} if settings.realtime is None else settings.realtime.channels
    modes = {name: mode_of(one) for name, one in channels.items()}
    if modes:
        heard = sum(mode not in UNHEARD for mode in modes.values())
        yield f"safety: {heard} of {len(modes)} kinds of channels are looked at"
    if settings.realtime is not None:
        yield "safety: what clients say to the hub in no channel is looked at"
    for name, mode in modes.items():
        if mode in UNHEARD:
            yield f"safety: channels {name}: {mode}{_reason(channels[name], mode)}"


def _mode(config: RouteConfig) -> Mode:
    return compiled_route(config.safety, config.traffic_class).mode


def _reason(config: RouteConfig | ChannelConfig, mode: Mode) -> str:
    counts = ", which only counts" if mode == "observe" else ""
    if config.safety is None:
        return ", by its class"
    return f"{counts}, because: {config.safety.reason}" if config.safety.reason else counts


def _counted(routes: Sequence[RouteConfig]) -> str:
    """Return how many routes there are of each mode, the most careful first."""
    count = Counter(map(_mode, routes))
    return ", ".join(f"{mode} {count[mode]}" for mode in reversed(MODES) if count[mode])


def _of_help_lines(bound: SafetyBound) -> str:
    count = sum(len(region.lines) for region in bound.regions.values())
    untried = unverified(bound.regions)
    advice = ": call each before you serve people" if untried else ""
    return (
        f"safety: {count} help lines of {len(bound.regions)} regions, edition {bound.edition}; "
        f"{untried} that nobody has tried{advice}"
    )
