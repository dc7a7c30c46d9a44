"""What may come next in an archive is decided by its header."""

from __future__ import annotations

import pytest

from pyvorin_edge.packaging.admission import Admission
from pyvorin_edge.packaging.errors import BundleError
from pyvorin_edge.packaging.limits import BundleLimits
from pyvorin_edge.packaging.tape import Member
from pyvorin_edge.vocabulary import BundleFault

MANIFEST = Member("manifest.json", 10, False)


def admitted(*members: Member, limits: BundleLimits | None = None) -> Admission:
    admission = Admission(limits or BundleLimits())
    for member in members:
        admission.admit(member)
    return admission


def test_the_manifest_and_then_by_path() -> None:
    admitted(MANIFEST, Member("a", 1, False), Member("b", 1, True)).finish()


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ((Member("a", 1, False),), BundleFault.ARCHIVE),
        ((Member("manifest.json", 10, True),), BundleFault.ARCHIVE),
        ((Member("manifest.json", 2**21, False),), BundleFault.LIMIT),
        ((MANIFEST, Member("b", 1, False), Member("a", 1, False)), BundleFault.ARCHIVE),
        ((MANIFEST, MANIFEST), BundleFault.CLASH),
        ((MANIFEST, Member("a", 2**40, False)), BundleFault.LIMIT),
    ],
)
def test_anything_else_is_refused(members: tuple[Member, ...], fault: BundleFault) -> None:
    with pytest.raises(BundleError) as caught:
        admitted(*members)
    assert caught.value.fault is fault


def test_a_manifest_alone_is_no_bundle() -> None:
    with pytest.raises(BundleError, match="no file"):
        admitted(MANIFEST).finish()
