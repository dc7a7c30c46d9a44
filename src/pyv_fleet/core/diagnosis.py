"""What is behind a deep queue, as far as the device tells: the article's "network partition or expired API key"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pyv_fleet.core.words import Diagnosis
from pyvorin_edge.vocabulary import UploadFailure

_CAUSES = {
    UploadFailure.KEY: Diagnosis.API_KEY,
    UploadFailure.TIMEOUT: Diagnosis.NETWORK,
    UploadFailure.NETWORK: Diagnosis.NETWORK,
    UploadFailure.TLS: Diagnosis.TLS,
    UploadFailure.SERVER: Diagnosis.CLOUD,
    UploadFailure.BUSY: Diagnosis.CLOUD_BUSY,
    UploadFailure.ADDRESS: Diagnosis.ENDPOINT,
    UploadFailure.REFUSED: Diagnosis.ITEMS,
}


class Found(msgspec.Struct, frozen=True):
    """A cause and what shows it."""

    code: Diagnosis
    sentence: str


def of_queue(health: Mapping[str, Any]) -> Found:
    """Why a device's queue is deep, out of its /health document: by what its last upload failed with."""
    cloud = health.get("cloud")
    if not isinstance(cloud, Mapping):
        return Found(Diagnosis.UNKNOWN, Diagnosis.UNKNOWN.sentence)
    said = str(cloud.get("last_error") or "")[:160]
    try:
        failure = UploadFailure(str(cloud.get("last_failure", "")))
    except ValueError:
        return _without_failure(said)
    code = _CAUSES[failure]
    shown = f" (its last upload: {said or failure.sentence})"
    return Found(code, code.sentence + shown)


def _without_failure(said: str) -> Found:
    """Its uploads go through, or it is of an older version that says only a sentence."""
    if not said:
        return Found(Diagnosis.SLOW, Diagnosis.SLOW.sentence)
    return Found(Diagnosis.UNKNOWN, f"{Diagnosis.UNKNOWN.sentence} (its last upload: {said})")
