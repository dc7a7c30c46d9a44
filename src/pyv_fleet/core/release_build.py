"""From a release's files to what is signed, and to what groups and devices are assigned over it: all checked together.

The fleet's and the channel's layers go into the signed config; a group's and a device's become overlays, which the
controller assigns (docs/adr/0024). The same files give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec

from pyv_fleet.core.layering import Fault, Layer, Rendered, at, leaf_pointers, overlay_of, render_layers
from pyv_fleet.core.release import ReleaseRefused, build_release
from pyv_fleet.core.release_tree import LAYERS, Tree, format_of
from pyvorin_edge import wire
from pyvorin_edge.canonical import canonical_bytes
from pyvorin_edge.config.document import problems, with_defaults
from pyvorin_edge.config.formats import placed, write
from pyvorin_edge.config.layers import closed_leaves, golden_hash, merge_patch
from pyvorin_edge.config.problem import ConfigError, Problem
from pyvorin_edge.config.redaction import redact
from pyvorin_edge.errors import WireError
from pyvorin_edge.identity import Digest, digest_of
from pyvorin_edge.orders import BundleRef, HexDigest, Release, encode_order

#: of `overlays.json`: some thousand devices with values of their own
OVERLAYS_BYTES_MAX: Final = 8 * 1024 * 1024


class Assigned(msgspec.Struct, frozen=True):
    """What a group or a device is assigned over the signed config, and the golden hash that it then has alone."""

    overlay: dict[str, Any]
    golden_hash: HexDigest


class Overlays(msgspec.Struct, frozen=True, kw_only=True):
    """`overlays.json`: the assignments that belong to a release, by group and by device id."""

    v: Literal[1]
    release: HexDigest
    groups: dict[str, Assigned] = {}
    devices: dict[str, Assigned] = {}


class Leaf(msgspec.Struct, frozen=True):
    """One value of the result, secrets hidden, and where it comes from."""

    #: `release`, `group NAME` or `device ID`
    of: str
    pointer: str
    value: Any
    layer: str
    over: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


class Built(msgspec.Struct, frozen=True):
    """A release that can be signed."""

    release: Release
    #: the bytes to sign; their SHA-256 is the release's digest
    payload: bytes
    #: the config's bytes
    blob: bytes
    overlays: Overlays
    leaves: tuple[Leaf, ...]

    @property
    def digest(self) -> Digest:
        """Of the release."""
        return self.overlays.release


def assemble(
    tree: Tree, *, fleet: str, version: str | None = None, channel: str | None = None, bundle: BundleRef | None = None
) -> Built:
    """Rendered and checked as every device will check it; ReleaseRefused with all that is wrong in all layers."""
    rendered = render_layers(_signed_layers(tree, channel))
    wrong = _problems(rendered.document, rendered.faults)
    errors = [*_said(tree, rendered.faults), *_by_file(tree, rendered, wrong)]
    errors.extend(error for layer in _over(tree) for error in _refused(tree, rendered, layer, wrong))
    errors.extend(_torn(tree, rendered))
    if errors:
        raise ReleaseRefused(tuple(sorted(errors)))
    blob = _blob(tree, rendered)
    release = build_release(
        blob,
        fleet=fleet,
        version=_version(tree, version, channel),
        format=tree.format,
        gate=tree.terms.gate.gate,
        security=tree.terms.security,
        floor=tree.terms.floor,
        open_pointers=tree.terms.open,
        bundle=bundle,
    )
    payload = encode_order(release)
    overlays = _overlays(tree, rendered, blob, digest_of(payload))
    return Built(release, payload, blob, overlays, tuple(_leaves(tree, rendered, overlays)))


def overlays_bytes(overlays: Overlays) -> bytes:
    """`overlays.json`, the same for the same assignments."""
    return canonical_bytes(msgspec.to_builtins(overlays)) + b"\n"


def read_overlays(data: bytes) -> Overlays:
    """`overlays.json`, read; ReleaseRefused."""
    try:
        return wire.decode(data, Overlays, limit_bytes=OVERLAYS_BYTES_MAX)
    except WireError as why:
        raise ReleaseRefused((f"overlays.json: {why}",)) from None


def _signed_layers(tree: Tree, channel: str | None) -> tuple[Layer, ...]:
    if channel is None and tree.channels:
        names = ", ".join(sorted(tree.channels))
        raise ReleaseRefused((f"{LAYERS}/channel has layers of {names}: say for which channel this release is",))
    if channel is not None and channel not in tree.channels:
        known = ", ".join(sorted(tree.channels)) or "none"
        raise ReleaseRefused((f"{LAYERS}/channel has no layer of {channel} (there: {known}); an empty file is enough",))
    middle = () if tree.fleet is None else (tree.fleet,)
    return (tree.config, *middle) if channel is None else (tree.config, *middle, tree.channels[channel])


def _version(tree: Tree, given: str | None, channel: str | None) -> str:
    version = given or tree.terms.version
    if version is None:
        raise ReleaseRefused(("release.toml: version: name one here, or give --version",))
    return version if channel is None else f"{version}+{channel}"


def _blob(tree: Tree, rendered: Rendered) -> bytes:
    """The config's own bytes, comments and all, where no layer changes it; else written anew."""
    if rendered.document == tree.config.patch:
        return tree.blob
    try:
        return write(rendered.document, tree.format)
    except ConfigError as why:
        raise ReleaseRefused(tuple(str(problem) for problem in why.problems)) from None


def _over(tree: Tree) -> Iterator[Layer]:
    yield from tree.groups.values()
    yield from tree.devices.values()


def _refused(tree: Tree, rendered: Rendered, layer: Layer, known: frozenset[Problem]) -> Iterator[str]:
    """Why devices would not take an overlay: it sets what is closed, or the whole does not hold."""
    done = overlay_of(rendered, layer)
    yield from _said(tree, done.faults)
    for pointer in closed_leaves(done.overlay, tree.terms.open):
        yield f"{layer.name}: {pointer}: not open: name it, or a table above it, in `open` of release.toml"
    whole = merge_patch(rendered.document, done.overlay)
    for problem in _problems(whole, (*rendered.faults, *done.faults)) - known:
        yield from _placed(tree, layer, problem)


def _torn(tree: Tree, rendered: Rendered) -> Iterator[str]:
    """Groups whose layer would mean another thing in another channel: a group gives all its members the same."""
    for other in tree.channels:
        elsewhere = render_layers(_signed_layers(tree, other))
        for layer in tree.groups.values():
            if overlay_of(elsewhere, layer).overlay != overlay_of(rendered, layer).overlay:
                yield (
                    f"{layer.name}: means another thing in channel {other}: what a channel's values or layer decide "
                    f"belongs into {LAYERS}/channel, a group's layer says the same everywhere"
                )


def _problems(document: dict[str, Any], faults: tuple[Fault, ...]) -> frozenset[Problem]:
    """What every device would find; what is said of a fault already is not said again."""
    said = {fault.pointer for fault in faults}
    return frozenset(one for one in problems(with_defaults(document)) if one.pointer not in said)


def _overlays(tree: Tree, rendered: Rendered, blob: bytes, release: Digest) -> Overlays:
    def assigned(layers: dict[str, Layer]) -> dict[str, Assigned]:
        made = {name: overlay_of(rendered, layer).overlay for name, layer in sorted(layers.items())}
        return {name: Assigned(one, Digest(golden_hash(blob, tree.format, one))) for name, one in made.items()}

    try:
        return Overlays(v=1, release=release, groups=assigned(tree.groups), devices=assigned(tree.devices))
    except ConfigError as why:
        raise ReleaseRefused(tuple(str(problem) for problem in why.problems)) from None


def _by_file(tree: Tree, rendered: Rendered, wrong: frozenset[Problem]) -> Iterator[str]:
    """What is wrong with the signed config, each by the file that brought it."""
    layers = {layer.name: layer for layer in (tree.config, *_others(tree))}
    for problem in wrong:
        origin = next((rendered.origins[one] for one in rendered.origins if _meets(one, problem.pointer)), None)
        named = f" (value {', '.join(origin.values)})" if origin is not None and origin.values else ""
        said = msgspec.structs.replace(problem, message=f"{problem.message}{named}")
        yield from _placed(tree, tree.config if origin is None else layers[origin.layer], said)


def _others(tree: Tree) -> Iterator[Layer]:
    if tree.fleet is not None:
        yield tree.fleet
    yield from tree.channels.values()


def _meets(leaf: str, pointer: str) -> bool:
    """Whether a problem's pointer is a leaf, or lies in one (an item of a list), or is a table with that leaf in it."""
    return leaf == pointer or pointer.startswith(f"{leaf}/") or leaf.startswith(f"{pointer}/")


def _said(tree: Tree, faults: tuple[Fault, ...]) -> Iterator[str]:
    for fault in faults:
        yield from _placed(tree, Layer(fault.layer, {}), Problem(fault.pointer, fault.message))


def _placed(tree: Tree, layer: Layer, problem: Problem) -> Iterator[str]:
    for one in placed([problem], tree.files[layer.name], format_of(layer.name)):
        yield f"{layer.name}: {one}"


def _leaves(tree: Tree, rendered: Rendered, overlays: Overlays) -> Iterator[Leaf]:
    shown = redact(rendered.document)
    for pointer, origin in rendered.origins.items():
        yield Leaf("release", pointer, at(shown, pointer), origin.layer, origin.over, origin.values)
    for kind, assigned, layers in (("group", overlays.groups, tree.groups), ("device", overlays.devices, tree.devices)):
        for name, one in assigned.items():
            yield from _assigned_leaves(f"{kind} {name}", one.overlay, layers[name].name, rendered)


def _assigned_leaves(of: str, overlay: dict[str, Any], layer: str, rendered: Rendered) -> Iterator[Leaf]:
    shown = redact(overlay)
    for pointer in leaf_pointers(overlay):
        below = rendered.origins.get(pointer)
        over = () if below is None else (below.layer, *below.over)
        yield Leaf(of, pointer, at(shown, pointer), layer, over)
