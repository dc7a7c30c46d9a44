"""Makes the test vectors beside it, by hashlib, json and cryptography alone: nothing of ours computes a value.

    python tests/unit/pyvorin_edge/vectors/make.py

Any other language's implementation of PROTOCOL can check itself against these files; `tests/unit/pyvorin_edge/` checks
ours, and that the files are what this script writes. `article_*` are the article's own functions, but for file reads.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HERE = Path(__file__).parent
IDS = ("FLEET-0a1b2c3d4e5f", "FLEET-ffffffffffff", "demo-1", "A", "x" * 64)
EMPTY_OVERLAY = hashlib.sha256(b"{}").hexdigest()


def sha256_joined(*parts: str) -> str:
    """PROTOCOL 1: SHA-256 over parts joined with a 00 byte."""
    return hashlib.sha256(b"\0".join(part.encode() for part in parts)).hexdigest()


def article_device_id(cpuinfo: str, fleet_prefix: str = "FLEET") -> str:
    """The article's `get_device_id`, cpuinfo as an argument."""
    match = re.search(r"Serial\s*:\s*([0-9a-f]+)", cpuinfo)
    serial = match.group(1) if match else "unknown"
    short = hashlib.sha256(serial.encode()).hexdigest()[:12]
    return f"{fleet_prefix}-{short}"


def article_config_hash(document: Any) -> str:
    """The article's `config_hash`, the document as an argument."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()


def device_ids() -> list[dict[str, str]]:
    serials = ("10000000a1b2c3d4", "00000000deadbeef", "0123456789abcdef")
    return [
        {"serial": serial, "prefix": prefix, "device_id": article_device_id(f"Serial\t\t: {serial}\n", prefix)}
        for serial in serials
        for prefix in ("FLEET", "site-b")
    ]


def shards() -> list[dict[str, str]]:
    return [
        {"device_id": one, "shard": f"{hashlib.sha256(b'shard' + bytes(1) + one.encode()).digest()[0] % 64:02d}"}
        for one in IDS
    ]


def order_hashes() -> list[dict[str, str]]:
    return [
        {"salt": salt, "device_id": one, "order_hash": sha256_joined(salt, one)[:16]}
        for salt in ("r-1", "r-2", "ß 盐")
        for one in IDS
    ]


def spread_delays() -> list[dict[str, Any]]:
    release = "ab" * 32
    return [
        {
            "device_id": one,
            "release": release,
            "attempt": attempt,
            "spread_seconds": spread,
            "delay_seconds": int(sha256_joined("spread", one, release, str(attempt))[:16], 16) % (spread + 1),
        }
        for one in IDS[:3]
        for attempt in (1, 2)
        for spread in (0, 10, 3600)
    ]


def canonical() -> list[dict[str, Any]]:
    """The document stands as JSON text too: a reader in another language must keep 5 and 5.0 apart."""
    documents: list[Any] = [
        {},
        {"a": 5},
        {"a": 5.0},
        {"a": -0.0, "b": 1e16, "c": 1e-7, "d": 0.1, "e": 123456789.123456789, "f": 1e22, "g": 5e-324},
        {"b": 1, "a": 2, "Z": 3, "é": 4, "€": 5, "😀": 6, "\ue000": 7},
        {"text": 'quote " backslash \\ slash / line\nfeed \x00 \x7f é 😀'},
        {"none": None, "yes": True, "no": False, "list": [[], {}, [1, [2, [3]]]]},
        {"largest": 2**53, "smallest": -(2**53)},
        {
            "sensors": {"poll_interval_seconds": 5.0, "devices": [{"name": "temp-01", "ingest_type": "simulator"}]},
            "cloud": {"enabled": True, "api_key": "${API_KEY}", "batch_size": 100},
        },
    ]
    return [
        {
            "json": json.dumps(one, ensure_ascii=False),
            "canonical": json.dumps(one, sort_keys=True, separators=(",", ":")),
            "config_hash": article_config_hash(one),
        }
        for one in documents
    ]


def overlays() -> list[dict[str, Any]]:
    overlays: list[dict[str, Any]] = [{}, {"health": {"port": 8081}}, {"cloud": {"api_key": None}, "a": [1, 2]}]
    return [{"overlay": one, "overlay_digest": article_config_hash(one)} for one in overlays]


def key_of(number: int) -> Ed25519PrivateKey:
    """The key whose seed is 32 times the byte `number`."""
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


def tuf_keyid(public: str) -> str:
    shape = {"keytype": "ed25519", "keyval": {"public": public}, "scheme": "ed25519"}
    return hashlib.sha256(json.dumps(shape, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def keyids() -> list[dict[str, str]]:
    found = []
    for number in (0, 1, 2, 255):
        public = key_of(number).public_key().public_bytes_raw().hex()
        found.append({"seed": f"{number:02x}" * 32, "public": public, "keyid": tuf_keyid(public)})
    return found


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE v1: SP-joined lengths and values."""
    kind = payload_type.encode()
    return b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload])


def pre_authentication_encodings() -> list[dict[str, str]]:
    # the first is the example of the DSSE specification
    cases = [("http://example.com/HelloWorld", b"hello world"), ("", b""), ("té", b"\x00\xff"), ("a b", b" 1 2 ")]
    return [
        {"payload_type": kind, "payload_hex": payload.hex(), "pae_hex": pae(kind, payload).hex()}
        for kind, payload in cases
    ]


def envelopes() -> list[dict[str, Any]]:
    cases = [
        ("release", b'{"v":1,"version":"1.0"}', [0]),
        ("directive", b'{"v":1,"channel":"stable"}', [1]),
        ("assignment", '{"v":1,"labels":{"site":"Zürich"}}'.encode(), [1, 2]),
        ("request", b"not JSON at all \xff", [255]),
    ]
    return [_envelope(f"application/vnd.pyvorin.{noun}.v1+json", payload, seeds) for noun, payload, seeds in cases]


def _envelope(payload_type: str, payload: bytes, seeds: list[int]) -> dict[str, Any]:
    signatures = []
    for number in seeds:
        key = key_of(number)
        keyid = tuf_keyid(key.public_key().public_bytes_raw().hex())
        signature = key.sign(pae(payload_type, payload))
        signatures.append({"keyid": keyid, "sig": base64.b64encode(signature).decode()})
    sealed = {"payload": base64.b64encode(payload).decode(), "payloadType": payload_type, "signatures": signatures}
    return {
        "seeds": [f"{number:02x}" * 32 for number in seeds],
        "payload_hex": payload.hex(),
        "payload_type": payload_type,
        "payload_sha256": hashlib.sha256(payload).hexdigest(),
        "envelope": json.dumps(sealed, separators=(",", ":")),
    }


def golden() -> list[dict[str, Any]]:
    """Directive, assignment and what is held → target, written out by hand from PROTOCOL 5."""
    device = "FLEET-0a1b2c3d4e5f"
    here = sha256_joined("r-1", device)[:16]
    above = f"{int(here, 16) + 1:016x}"
    new, old, other = "aa" * 32, "bb" * 32, "cc" * 32
    rest = {"kind": "release", "release": old, "attempt": 1}
    first = {"kind": "release", "release": new, "attempt": 2, "spread_seconds": 30}
    to_new = {"release": new, "overlay": EMPTY_OVERLAY, "attempt": 2, "kind": "release", "spread_seconds": 30}
    to_old = {"release": old, "overlay": EMPTY_OVERLAY, "attempt": 1, "kind": "release", "spread_seconds": 0}
    pinned = {"release": other, "overlay": EMPTY_OVERLAY, "attempt": 3, "kind": "rollback", "spread_seconds": 0}
    to_new, to_old, pinned = ({**one, "turn": False} for one in (to_new, to_old, pinned))
    pin = {"release": other, "attempt": 3, "kind": "rollback"}
    overlaid = {**to_old, "overlay": article_config_hash({"health": {"port": 9}})}
    berlin = {"labels": {"site": "berlin", "kind": "real"}}

    def case(
        why: str, *, rules: Any = (rest,), target: Any, directive: Any = None, assignment: Any = None, held: Any = ()
    ) -> dict[str, Any]:
        return {
            "why": why,
            "directive": _directive(list(rules), **(directive or {})),
            "assignment": None if assignment == "none" else _assignment(device, **(assignment or {})),
            "held": list(held),
            "target": target,
        }

    return [
        case("the only rule is everybody's", target=to_old),
        case("no assignment: unknown", assignment="none", target=None),
        case("a directive of another channel: unknown", assignment={"channel": "beta"}, target=None),
        case("its id is named", rules=[{**first, "ids": ["demo-1", device]}, rest], target=to_new),
        case("its id is not named", rules=[{**first, "ids": ["demo-1"]}, rest], target=to_old),
        case("its order hash lies below", rules=[{**first, "salt": "r-1", "below": above}, rest], target=to_new),
        case(
            "its own order hash is not below itself",
            rules=[{**first, "salt": "r-1", "below": here}, rest],
            target=to_old,
        ),
        case(
            "any value of a label",
            rules=[{**first, "where": {"site": ["paris", "berlin"]}}, rest],
            assignment=berlin,
            target=to_new,
        ),
        case(
            "every label must match",
            rules=[{**first, "where": {"site": ["berlin"], "kind": ["simulated"]}}, rest],
            assignment=berlin,
            target=to_old,
        ),
        case("a missing label never matches", rules=[{**first, "where": {"site": ["berlin"]}}, rest], target=to_old),
        case("hold: it has it", rules=[{**first, "hold": True}, rest], held=[new], target=to_new),
        case("hold: it has it not", rules=[{**first, "hold": True}, rest], held=[old], target=to_old),
        case(
            "all conditions of a rule, not any",
            rules=[{**first, "ids": [device], "salt": "r-1", "below": here}, rest],
            target=to_old,
        ),
        case(
            "its rule hands the release out in turns",
            rules=[{**first, "turn": True}, rest],
            directive={"crit": ["turn"]},
            target={**to_new, "turn": True},
        ),
        case("a pin waits for no turn", rules=[{**rest, "turn": True}], assignment={"pin": pin}, target=pinned),
        case("the first match counts", rules=[first, rest], target=to_new),
        case(
            "a pin goes before all rules",
            rules=[{**first, "ids": [device]}, rest],
            assignment={"pin": pin},
            target=pinned,
        ),
        case(
            "the overlay's digest is part of the target",
            assignment={"overlay": {"health": {"port": 9}}},
            target=overlaid,
        ),
        case("at min_generation", directive={"generation": 7}, assignment={"min_generation": 7}, target=to_old),
        case(
            "below min_generation: unknown", directive={"generation": 6}, assignment={"min_generation": 7}, target=None
        ),
        case(
            "an earlier epoch never meets min_generation",
            directive={"epoch": 1, "generation": 99},
            assignment={"epoch": 2, "min_generation": 7},
            target=None,
        ),
        case(
            "a later epoch always does",
            directive={"epoch": 3, "generation": 1},
            assignment={"epoch": 2, "min_generation": 7},
            target=to_old,
        ),
    ]


def _directive(rules: list[Any], **changed: Any) -> dict[str, Any]:
    return {
        "v": 1,
        "fleet": "acme",
        "channel": "stable",
        "epoch": 1,
        "generation": 1_700_000_000_000,
        "rules": rules,
        "pace": {},
        "drift": {"policy": "alert"},
        "issued_at": 1_700_000_000_000,
        "expires_at": 1_702_592_000_000,
        "reason": "vector",
        "issued_by": "make.py",
        **changed,
    }


def _assignment(device_id: str, **changed: Any) -> dict[str, Any]:
    return {
        "v": 1,
        "fleet": "acme",
        "epoch": 1,
        "device_id": device_id,
        "number": 1,
        "channel": "stable",
        "issued_at": 1_700_000_000_000,
        "issued_by": "make.py",
        **changed,
    }


VECTORS = (
    device_ids,
    shards,
    order_hashes,
    spread_delays,
    canonical,
    overlays,
    keyids,
    pre_authentication_encodings,
    envelopes,
    golden,
)


def written(name: str, cases: list[Any]) -> str:
    """A vector file's text."""
    return json.dumps({"vectors": name, "cases": cases}, indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    for make in VECTORS:
        (HERE / f"{make.__name__}.json").write_text(written(make.__name__, make()), encoding="ascii")
