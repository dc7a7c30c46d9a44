"""A release as files in git: `release.toml`, the config, the layers. Read whole, with all that is wrong at once."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from pyv_fleet.core.layering import Layer, at, merge_patch_keeping_null, removal
from pyv_fleet.core.release import ReleaseRefused
from pyvorin_edge.config.formats import parse
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.errors import IdentityError
from pyvorin_edge.identity import parse_channel, parse_device_id
from pyvorin_edge.orders import Gate
from pyvorin_edge.vocabulary import ConfigFormat

RELEASE_FILE: Final = "release.toml"
LAYERS: Final = "layers"
#: keys of a layer that are no sections of a config
_REMOVE: Final = "delete"
_VALUES: Final = "values"
_GROUP: Final = Meta(pattern=r"^[a-z0-9-]{1,32}$(?!\n)")


class GateTerms(Gate, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The gate as it is written: a key that no gate has is a mistake."""

    @property
    def gate(self) -> Gate:
        """The order's own."""
        return Gate(within_seconds=self.within_seconds, hold_seconds=self.hold_seconds, require=self.require)


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`release.toml`: what the release is, beside its config."""

    #: unique in the fleet; may be given to `release build` instead
    version: str | None = None
    #: the config, TOML or JSON by its ending
    config: str = "config.toml"
    #: else the controller is asked for the fleet's name
    fleet: str | None = None
    #: an archive of `pyv-edge-sign --archive`
    bundle: str | None = None
    gate: GateTerms = GateTerms()
    #: JSON Pointers that an overlay may set
    open: tuple[Annotated[str, Meta(pattern="^/")], ...] = ()
    security: Annotated[int, Meta(ge=0)] = 0
    floor: Annotated[int, Meta(ge=0)] = 0


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """A release's files, read."""

    terms: Terms
    #: the config's own path, bytes, format and document
    config: Layer
    blob: bytes
    format: ConfigFormat
    fleet: Layer | None = None
    channels: dict[str, Layer] = {}
    groups: dict[str, Layer] = {}
    devices: dict[str, Layer] = {}
    #: every file by its path within the directory
    files: dict[str, bytes] = {}


def read_terms(data: bytes) -> Terms:
    """`release.toml`; ReleaseRefused names what is wrong."""
    try:
        return msgspec.convert(tomllib.loads(data.decode("utf-8")), Terms)
    except (ValueError, msgspec.ValidationError) as why:  # not UTF-8, not TOML, not these keys
        raise ReleaseRefused((f"{RELEASE_FILE}: {why}",)) from None


def read_tree(files: Mapping[str, bytes]) -> Tree:
    """The files of a release's directory by path; ReleaseRefused with every problem of every file."""
    terms = read_terms(files[RELEASE_FILE])
    errors: list[str] = []
    layers: dict[str, dict[str, Layer]] = {"fleet": {}, "channel": {}, "group": {}, "device": {}}
    config = Layer(terms.config, {})
    for path in sorted(files.keys() - {RELEASE_FILE}):
        document = _document(path, files[path], errors)
        if path == terms.config:
            config = Layer(path, document)
        else:
            _place(path, document, layers, errors)
    if errors:
        raise ReleaseRefused(tuple(errors))
    return Tree(
        terms=terms,
        config=config,
        blob=files[terms.config],
        format=format_of(terms.config),
        fleet=layers["fleet"].get("fleet"),
        channels=layers["channel"],
        groups=layers["group"],
        devices=layers["device"],
        files=dict(files),
    )


def format_of(path: str) -> ConfigFormat:
    """By the ending; ReleaseRefused for another than .toml and .json."""
    for ending, format_ in ((".toml", ConfigFormat.TOML), (".json", ConfigFormat.JSON)):
        if path.lower().endswith(ending):
            return format_
    raise ReleaseRefused((f"{path}: a config or layer ends in .toml or .json",))


def _document(path: str, data: bytes, errors: list[str]) -> dict[str, Any]:
    try:
        return parse(data, format_of(path))
    except ConfigError as why:
        errors.extend(f"{path}: {problem}" for problem in why.problems)
    except ReleaseRefused as why:
        errors.extend(why.errors)
    return {}


def _place(path: str, document: dict[str, Any], layers: dict[str, dict[str, Layer]], errors: list[str]) -> None:
    """Put a layer's file where its path says; an error for a path that is none of ours."""
    parts = path.removeprefix(f"{LAYERS}/").rpartition(".")[0].split("/")
    kind, name = (parts[0], parts[1]) if len(parts) == 2 else ("fleet", parts[0])
    check = _NAMES.get(kind)
    if check is None or len(parts) > 2:
        errors.append(f"{path}: a layer is {LAYERS}/fleet.toml, or lies in {LAYERS}/channel, /group or /device")
        return
    try:
        check(name)
    except (IdentityError, msgspec.ValidationError) as why:
        errors.append(f"{path}: {why}")
        return
    if name in layers[kind]:
        errors.append(f"{path}: {layers[kind][name].name} is there too: one file for each name")
    layers[kind][name] = _layer(path, document, errors)


def _layer(path: str, document: dict[str, Any], errors: list[str]) -> Layer:
    patch = {key: value for key, value in document.items() if key not in (_REMOVE, _VALUES)}
    values = document.get(_VALUES, {})
    if not isinstance(values, dict):
        errors.append(f"{path}: /{_VALUES}: a table of values by name")
        values = {}
    for pointer in _removed(path, document.get(_REMOVE, []), errors):
        if at(patch, pointer) is not None:
            errors.append(f"{path}: /{_REMOVE}: {pointer} is set in this file too")
        patch = merge_patch_keeping_null(patch, removal(pointer))
    return Layer(path, patch, values)


def _removed(path: str, pointers: Any, errors: list[str]) -> Iterator[str]:
    if not isinstance(pointers, list):
        errors.append(f"{path}: /{_REMOVE}: a list of JSON Pointers")
        return
    for pointer in pointers:
        if isinstance(pointer, str) and pointer.startswith("/"):
            yield pointer
        else:
            errors.append(f"{path}: /{_REMOVE}: {pointer!r} is no JSON Pointer, which begins with /")


def _only_fleet(name: str) -> object:
    if name != "fleet":
        raise IdentityError(f"{name!r}: the layer of all channels is named fleet")
    return name


_NAMES: Final[Mapping[str, Callable[[str], object]]] = {
    "fleet": _only_fleet,
    "channel": parse_channel,
    "group": lambda name: msgspec.convert(name, Annotated[str, _GROUP]),
    "device": parse_device_id,
}
