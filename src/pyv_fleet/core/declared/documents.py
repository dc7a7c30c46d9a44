"""A document in a file as a typed value: every mistake in it is said at once, with its path; nothing is passed over."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from pyv_fleet.core.declared.text import Raw
from pyv_fleet.core.groups import GroupRefused, refuse_group
from pyv_fleet.core.policy import Policy, PolicyError, WaveTerms, wave_terms
from pyv_fleet.core.views import ChannelBody, GroupSpec, RolloutTerms
from pyv_fleet.core.waves import WaveError, parse_waves
from pyv_fleet.core.words import DocumentKind
from pyvorin_edge.errors import PyvorinError

API_VERSION: Final = "fleet.pyvorin/v1"
DOCUMENTS_MAX: Final = 1000

SPECS: Final[Mapping[DocumentKind, type[msgspec.Struct]]] = {
    DocumentKind.POLICY: Policy,
    DocumentKind.CHANNEL: ChannelBody,
    DocumentKind.GROUP: GroupSpec,
    DocumentKind.ROLLOUT: RolloutTerms,
}
"""What a document's `spec` is: the API's own struct, so that a new field of it is a new key here."""

_NAMES: Final = {
    DocumentKind.POLICY: (r"[a-z0-9][a-z0-9-]{0,63}", "small letters, digits and '-', at most 64, the first no '-'"),
    DocumentKind.CHANNEL: (r"[a-z0-9-]{1,32}", "small letters, digits and '-', at most 32"),
    DocumentKind.GROUP: (r"[a-z0-9][a-z0-9-]{0,31}", "small letters, digits and '-', at most 32, the first no '-'"),
    DocumentKind.ROLLOUT: (
        r"[a-z0-9][a-z0-9.+-]{0,63}",
        "small letters, digits, '.', '+', '-', at most 64, the first a letter or digit",
    ),
}
_KEYS: Final = ("apiVersion", "kind", "metadata", "spec")
_FIELD: Final = re.compile(r"Object contains unknown field `(.*)`")
_AT: Final = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<where>[^`]*)`)?$", re.DOTALL)


class Declared(msgspec.Struct, frozen=True):
    """A document: what is to be, whole. What it does not name has its default."""

    kind: DocumentKind
    name: str
    spec: msgspec.Struct
    #: file and document, for messages
    place: str = ""

    @property
    def title(self) -> str:
        """`channel/stable`."""
        return f"{self.kind.lower()}/{self.name}"


class DocumentsRefused(PyvorinError):
    """What is wrong with documents; `errors` names each thing with its place."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = tuple(errors)


class _Wrong(Exception):
    """A document that cannot be: paths and what is wrong there."""

    def __init__(self, *found: tuple[str, str]) -> None:
        super().__init__(found)
        self.found = found


def documents_of(sources: Sequence[tuple[str, Sequence[Raw]]]) -> tuple[Declared, ...]:
    """All documents of all texts (a name for each, as `file.yaml`), in their order; DocumentsRefused with all that is
    wrong in any of them."""
    found: list[Declared] = []
    errors: list[str] = []
    for source, raws in sources:
        for raw in raws:
            place = f"{source}, document {raw.number}"
            try:
                found.append(_declared(raw.value, place))
            except _Wrong as why:
                errors += [_said(source, raw, path, what) for path, what in why.found]
    errors += _twice(found)
    if len(found) > DOCUMENTS_MAX:
        errors.append(f"{len(found)} documents where at most {DOCUMENTS_MAX} are taken at once")
    if errors:
        raise DocumentsRefused(errors)
    return tuple(found)


def plain(kind: DocumentKind, name: str, spec: msgspec.Struct) -> dict[str, Any]:
    """The document that declares this, as plain values, without what has its default."""
    return {"apiVersion": API_VERSION, "kind": kind.value, "metadata": {"name": name}, "spec": without_defaults(spec)}


def without_defaults(value: Any) -> Any:
    """A struct as plain values, without fields that have their default, at any depth."""
    match value:
        case msgspec.Struct():
            fields = msgspec.structs.fields(value)
            said = {one.encode_name: getattr(value, one.name) for one in fields if not _is_default(one, value)}
            return {name: without_defaults(inner) for name, inner in said.items()}
        case dict():
            return {key: without_defaults(inner) for key, inner in value.items()}
        case list() | tuple():
            return [without_defaults(inner) for inner in value]
        case _:
            return msgspec.to_builtins(value)


def _declared(value: Any, place: str) -> Declared:
    _refuse_keys(value, "", _KEYS)
    if value["apiVersion"] != API_VERSION:
        raise _Wrong(("apiVersion", f"{value['apiVersion']!r}: write {API_VERSION}"))
    try:
        kind = DocumentKind(value["kind"])
    except ValueError:
        raise _Wrong(("kind", f"{value['kind']!r} is none of {', '.join(DocumentKind)}")) from None
    _refuse_keys(value["metadata"], "metadata", ("name",))
    name = value["metadata"]["name"]
    pattern, words = _NAMES[kind]
    if not isinstance(name, str) or re.fullmatch(pattern, name) is None:
        raise _Wrong(("metadata.name", f"{name!r}: {words}"))
    spec = _spec(kind, value["spec"])
    wrong = [("spec" + (f".{path}" if path else ""), what) for path, what in _CHECKS[kind](spec)]
    if wrong:
        raise _Wrong(*wrong)
    return Declared(kind, name, spec, place)


def _refuse_keys(value: Any, path: str, keys: Sequence[str]) -> None:
    """Exactly these keys."""
    if not isinstance(value, dict):
        raise _Wrong((path, f"a mapping with the keys {', '.join(keys)} is needed"))
    within = f"{path}." if path else ""
    unknown = [(f"{within}{key}", f"unknown; known are {', '.join(keys)}") for key in value if key not in keys]
    missing = [(path, f"lacks the key {key}") for key in keys if key not in value]
    if unknown or missing:
        raise _Wrong(*unknown, *missing)


def _spec(kind: DocumentKind, given: Any) -> msgspec.Struct:
    if not isinstance(given, dict):
        raise _Wrong(("spec", "a mapping is needed; {} for all defaults"))
    try:
        spec = msgspec.convert(given, SPECS[kind])
    except msgspec.ValidationError as why:
        raise _Wrong(_located(str(why))) from None
    unknown = list(_unknown(given, spec, "spec"))
    if unknown:
        raise _Wrong(*unknown)
    return spec


def _located(message: str) -> tuple[str, str]:
    """msgspec's ``… - at `$.waves[0]` `` as a path and what is wrong there; an unknown field's path is its own."""
    at = _AT.match(message)
    what, where = (at["what"], at["where"]) if at else (message, None)
    path = ".".join(part for part in ("spec", where) if part)
    field = _FIELD.fullmatch(what)
    return (f"{path}.{field[1]}", "unknown") if field else (path, what)


def _unknown(given: Any, value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Keys that the structs within do not have; orders pass them over, documents do not."""
    match value:
        case msgspec.Struct() if isinstance(given, dict):
            fields = {one.encode_name: getattr(value, one.name) for one in msgspec.structs.fields(value)}
            for key, inner in given.items():
                if key not in fields:
                    yield f"{path}.{key}", f"unknown; known are {', '.join(fields)}"
                else:
                    yield from _unknown(inner, fields[key], f"{path}.{key}")
        case list() | tuple() if isinstance(given, list):
            for index, (one, inner) in enumerate(zip(given, value, strict=True)):
                yield from _unknown(one, inner, f"{path}[{index}]")


def _is_default(field: msgspec.structs.FieldInfo, value: msgspec.Struct) -> bool:
    default = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
    return bool(getattr(value, field.name) == default)


def _of_policy(spec: Any) -> Iterator[tuple[str, str]]:
    yield from _of_waves(spec.waves)


def _of_channel(spec: Any) -> Iterator[tuple[str, str]]:
    for index, freeze in enumerate(spec.freezes):
        if freeze.ends_at <= freeze.begins_at:
            yield f"freezes[{index}]", "ends before it begins"


def _of_group(spec: Any) -> Iterator[tuple[str, str]]:
    try:
        refuse_group(spec)
    except GroupRefused as why:
        yield from (("", one) for one in why.errors)


def _of_rollout(spec: Any) -> Iterator[tuple[str, str]]:
    if spec.waves is not None:
        yield from _of_waves(spec.waves)


def _of_waves(waves: Sequence[WaveTerms | str]) -> Iterator[tuple[str, str]]:
    try:
        parse_waves([wave_terms(one).cohort for one in waves])
    except (WaveError, PolicyError) as why:
        yield "waves", str(why)


_CHECKS: Final[Mapping[DocumentKind, Callable[[Any], Iterator[tuple[str, str]]]]] = {
    DocumentKind.POLICY: _of_policy,
    DocumentKind.CHANNEL: _of_channel,
    DocumentKind.GROUP: _of_group,
    DocumentKind.ROLLOUT: _of_rollout,
}
"""What cannot be said by types, and needs no look at the fleet."""


def _said(source: str, raw: Raw, path: str, what: str) -> str:
    """`stable.yaml:7: document 2: spec.beat_seconds: …`."""
    known = path
    while known and known not in raw.lines:
        known = re.sub(r"(\.[^.\[]*|\[[^\]]*\]|^[^.\[]*)$", "", known)
    line = raw.lines.get(known)
    at = source if line is None else f"{source}:{line}"
    return f"{at}: document {raw.number}: {path + ': ' if path else ''}{what}"


def _twice(found: Sequence[Declared]) -> list[str]:
    first: dict[str, str] = {}
    errors = []
    for one in found:
        if one.title in first:
            errors.append(f"{one.place}: {one.title} stands in {first[one.title]} too")
        first.setdefault(one.title, one.place)
    return errors
