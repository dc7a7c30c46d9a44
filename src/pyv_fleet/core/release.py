"""A release before it is signed: what is wrong with its config is found here (PROTOCOL 5, rules 4, 9, 10)."""

from __future__ import annotations

from pyvorin_edge.config.document import problems, with_defaults
from pyvorin_edge.config.formats import parse, placed
from pyvorin_edge.config.layers import golden_hash
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.identity import Digest, FleetName, digest_of
from pyvorin_edge.orders import BundleRef, ConfigRef, Gate, OrderError, Release, decode_order, encode_order
from pyvorin_edge.vocabulary import ConfigFormat


class ReleaseRefused(PyvorinError):
    """A release that must not be signed or published; `errors` names each thing that is wrong."""

    def __init__(self, errors: tuple[str, ...]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


def build_release(
    blob: bytes,
    *,
    fleet: str,
    version: str,
    format: ConfigFormat,
    gate: Gate | None = None,
    security: int = 0,
    floor: int = 0,
    open_pointers: tuple[str, ...] = (),
    bundle: BundleRef | None = None,
    skip_validation: bool = False,
) -> Release:
    """The release to sign for a config's bytes; ReleaseRefused if the config is wrong in syntax or sense.

    `skip_validation` lets a senseless config pass (to try what devices make of it), never one that does not parse:
    without a document there is no golden hash.
    """
    if not skip_validation:
        refuse_config(blob, format)
    release = Release(
        v=1,
        fleet=FleetName(fleet),
        version=version,
        config=ConfigRef(sha256=digest_of(blob), size=len(blob), format=format),
        golden_hash=_golden_hash(blob, format),
        bundle=bundle,
        form="sorted-json-1",
        open=open_pointers,
        security=security,
        floor=floor,
        gate=gate if gate is not None else Gate(),
    )
    return _as_read_back(release)


def refuse_config(blob: bytes, format: ConfigFormat) -> None:
    """ReleaseRefused with every problem of a config: it does not parse, or breaks the schema, or its `${…}` are broken.

    The same functions that the device runs; only what its own variables, files and credentials give
    cannot be known here.
    """
    try:
        declared = parse(blob, format)
        found = problems(with_defaults(declared))
    except ConfigError as why:
        raise ReleaseRefused(tuple(str(problem) for problem in why.problems)) from None
    if found:
        raise ReleaseRefused(tuple(str(problem) for problem in placed(found, blob, format)))


def refuse_mismatch(release: Release, blob: bytes, *, skip_validation: bool = False) -> None:
    """ReleaseRefused unless the blob is the one that the release names and the golden hash is its own (rule 10)."""
    errors = []
    if len(blob) != release.config.size:
        errors.append(f"config.size: the release says {release.config.size} bytes, the blob has {len(blob)}")
    if digest_of(blob) != release.config.sha256:
        errors.append(f"config.sha256: the release says {release.config.sha256}, the blob is {digest_of(blob)}")
    if errors:
        raise ReleaseRefused(tuple(errors))
    if not skip_validation:
        refuse_config(blob, release.config.format)
    found = _golden_hash(blob, release.config.format)
    if found != release.golden_hash:
        raise ReleaseRefused((f"golden_hash: the release says {release.golden_hash}, its config has {found}",))


def _golden_hash(blob: bytes, format: ConfigFormat) -> Digest:
    try:
        return Digest(golden_hash(blob, format, None))
    except ConfigError as why:
        raise ReleaseRefused(tuple(str(problem) for problem in why.problems)) from None


def _as_read_back(release: Release) -> Release:
    """The release as every reader will read it, so that no field is signed that nobody can take."""
    try:
        return decode_order(encode_order(release), Release)
    except OrderError as why:
        raise ReleaseRefused((why.detail,)) from None
