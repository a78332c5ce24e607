"""Load: from a file and the environment to settings, or to every complaint about them at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from tta_gateway.kernel.errors import ConfigError
from tta_gateway.routing.conflict import conflicts
from tta_gateway.settings import escalation, health_defaults, overheard, rules, safety, sentence
from tta_gateway.settings.compile import compiled_routes
from tta_gateway.settings.complaint import Complaint, Mark, lines
from tta_gateway.settings.database import unusable
from tta_gateway.settings.document import Document, read
from tta_gateway.settings.environment import overlay
from tta_gateway.settings.not_yet import take_out
from tta_gateway.settings.profile import underlay
from tta_gateway.settings.public import shadows
from tta_gateway.settings.secret import Sources
from tta_gateway.settings.tree import Settings
from tta_gateway.settings.valkey import is_one_server, unfollowed, unread


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings that may be served, and the document that they came from."""

    settings: Settings
    document: Document


def load(file: Path, environ: Mapping[str, str]) -> Loaded:
    """Return the settings of a file, with the environment over it; ConfigError if they are bad."""
    return load_text(_text(file), str(file), environ=environ)


def load_text(text: str, name: str, *, environ: Mapping[str, str]) -> Loaded:
    """Return the settings of a text, likewise; complaints name it as if it were a file."""
    document = read(text)
    if document.is_broken:
        raise ConfigError(lines(document.complaints, name))
    overlay(document, environ)
    underlay(document)
    health_defaults.underlay(document)
    escalation.lay(document, Path(name).parent)
    take_out(document)
    rules.check(document)
    settings = _settings(document, Sources(Path(name).parent, environ))
    if settings is None or document.complaints:
        raise ConfigError(lines(document.complaints, name))
    return Loaded(settings, document)


def _text(file: Path) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError([f"{file}: cannot be read: {error.strerror}"]) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(errors="replace").split("\n")
        mark = Mark(len(before), len(before[-1]) + 1)
        complaint = Complaint(mark, (), "is not UTF-8: save the file as UTF-8")
        raise ConfigError([complaint.line(str(file))]) from error


def _settings(document: Document, sources: Sources) -> Settings | None:
    """Return the settings, or complain."""
    tree = {} if document.tree is None else document.tree
    try:
        settings = Settings.model_validate(tree, context=sources)
    except ValidationError as error:
        sentence.report(error, document)
        return None
    routes = compiled_routes(settings)
    for one, other, words in conflicts(routes):
        advice = f"(routes[{one}]): tell them apart by `host`, `methods` or `headers`"
        document.complain(("routes", other, "path"), f"{words} {advice}")
    for one, words in shadows(routes, settings):
        document.complain(("routes", one, "path"), words)
    _helped(settings, document)
    _stores(settings, document)
    if _is_unsealed(settings):
        document.complain(("valkey_url",), rules.UNSEALED)
    overheard.complain(settings, document)
    return settings


def _helped(settings: Settings, document: Document) -> None:
    """Complain about people who would be told too little, or in no words."""
    for path, words in safety.without_words(settings.safety):
        document.complain(path, words)
    regions = [one.safety for one in settings.routes]
    for path, words in safety.without_lines(settings.safety, regions):
        document.complain(path, words)


def _is_unsealed(settings: Settings) -> bool:
    """Tell whether channels would be kept in clear where others may read, without a reason."""
    encryption = settings.encryption
    is_shared = settings.valkey_url is not None and settings.realtime is not None
    return is_shared and not encryption.keys and encryption.unsealed is None


def _stores(settings: Settings, document: Document) -> None:
    """Complain about stores that cannot be asked so."""
    for key, url in (("valkey_url", settings.valkey_url), ("cache_url", settings.cache_url)):
        words = unread(url)
        if settings.admin is None and unfollowed(url):
            document.complain((key,), rules.NEEDS_CONTROL)
        if words:
            document.complain((key,), words)
    words = unusable(settings.database_url)
    if words:
        document.complain(("database_url",), words)
    if is_one_server(settings.valkey_url, settings.cache_url):
        document.complain(("cache_url",), rules.ONE_SERVER)
