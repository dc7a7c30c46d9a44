"""A bundle from the operator's directory to a device: signed, uploaded, published, downloaded, also when it is cut."""

from __future__ import annotations

import hashlib
import io
import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from pyv_fleet.client import NotFound, Refused
from pyv_fleet.core.bundles import BundleView
from pyv_fleet.core.release import build_release
from pyv_fleet.core.views import ReleaseUpload
from pyv_fleet.transfers import BundleClient
from pyv_fleet.trust.keyfiles import read_key
from pyv_fleet.trust.signing import sign_release
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import BundleRef, Release, decode_order
from pyvorin_edge.packaging.archive import unpack
from pyvorin_edge.packaging.verifier import verify_bundle
from pyvorin_edge.trust import Trust, advance, from_key
from pyvorin_edge.vocabulary import ConfigFormat
from running.bundles import FILES, archive_of, lay, signed
from running.controller import Controller, controller

CONFIG = b'[logging]\nlevel = "INFO"\n'
#: does not compress, so that the archive takes several pieces
NOISE = b"".join(hashlib.sha512(str(number).encode()).digest() for number in range(80_000))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    with controller(tmp_path_factory.mktemp("bundles")) as up:
        yield up


@pytest.fixture(scope="module")
def config(running: Controller) -> Path:
    file = running.folder / "config.toml"
    file.write_bytes(CONFIG)
    return file


@pytest.fixture(scope="module")
def published(running: Controller, config: Path) -> Release:
    """A release with a bundle of 5 MB, by the one command."""
    source = lay(running.folder / "agent", {**FILES, "noise": NOISE})
    running.cli("release", "create", "--version", "1.0", "--config", str(config), "--bundle", str(source))
    with running.client() as client:
        return decode_order(open_envelope(client.release_envelope("1.0")).payload, Release)


@pytest.fixture
def device(running: Controller) -> Iterator[httpx.Client]:
    state = running.folder / "dev-1"
    if not state.exists():
        running.cli("device", "provision", "--serial", "bundle-1", "--out", str(state))
    with as_device(running, state) as http:
        yield http


def as_device(running: Controller, state: Path) -> httpx.Client:
    tls = ssl.create_default_context(cafile=str(running.operator / "server_ca.pem"))
    tls.load_cert_chain(state / "device.pem", state / "device.key")
    return httpx.Client(base_url=running.ready["api"], verify=tls)


def bundle_of(release: Release) -> BundleRef:
    assert release.bundle is not None
    return release.bundle


def trust_of(running: Controller) -> Trust:
    with running.client() as client:
        return advance(from_key(bytes.fromhex(client.fleet().root_key)), client.trust_document(1))


def test_a_device_gets_what_the_release_names(
    running: Controller, published: Release, device: httpx.Client, tmp_path: Path
) -> None:
    bundle = bundle_of(published)
    answer = device.get(f"/v1/bundles/{bundle.sha256}")
    assert (answer.status_code, len(answer.content)) == (200, bundle.size)
    assert hashlib.sha256(answer.content).hexdigest() == bundle.sha256
    unpack(io.BytesIO(answer.content), tmp_path / "slot")
    manifest = verify_bundle(tmp_path / "slot", bundle.manifest_sha256, trust_of(running))
    assert (manifest.bundle_name, manifest.version) == ("agent", "1.0")


def test_a_download_that_was_cut_goes_on_where_it_was(published: Release, device: httpx.Client) -> None:
    bundle = bundle_of(published)
    found = bytearray()
    with device.stream("GET", f"/v1/bundles/{bundle.sha256}") as answer:
        etag = answer.headers["etag"]
        for chunk in answer.iter_bytes(100_000):
            found += chunk
            if len(found) > 1_000_000:
                break
    headers = {"Range": f"bytes={len(found)}-", "If-Range": etag}
    rest = device.get(f"/v1/bundles/{bundle.sha256}", headers=headers)
    assert rest.status_code == 206
    assert rest.headers["content-range"] == f"bytes {len(found)}-{bundle.size - 1}/{bundle.size}"
    assert hashlib.sha256(found + rest.content).hexdigest() == bundle.sha256


def test_head_and_ranges_are_answered_as_http_asks(published: Release, device: httpx.Client) -> None:
    bundle = bundle_of(published)
    path = f"/v1/bundles/{bundle.sha256}"
    head = device.head(path)
    assert (head.headers["content-length"], head.headers["accept-ranges"]) == (str(bundle.size), "bytes")
    behind = device.get(path, headers={"Range": f"bytes={bundle.size}-"})
    assert (behind.status_code, behind.headers["content-range"]) == (416, f"bytes */{bundle.size}")
    other = device.get(path, headers={"Range": "bytes=0-0", "If-Range": '"another"'})
    assert (other.status_code, len(other.content)) == (200, bundle.size)
    last = device.get(path, headers={"Range": "bytes=-3"})
    assert (last.status_code, len(last.content)) == (206, 3)


def test_without_a_certificate_of_this_fleet_there_is_nothing(running: Controller, published: Release) -> None:
    tls = ssl.create_default_context(cafile=str(running.operator / "server_ca.pem"))
    with httpx.Client(base_url=running.ready["api"], verify=tls) as nobody:
        assert nobody.get(f"/v1/bundles/{bundle_of(published).sha256}").status_code == 401
        assert nobody.put("/v1/bundles/" + "ab" * 32, content=b"x").status_code == 401
    with httpx.Client(base_url=running.ready["page"]) as plain:
        assert plain.get(f"/v1/bundles/{bundle_of(published).sha256}").status_code == 401


def test_a_device_may_not_upload(device: httpx.Client) -> None:
    assert device.put("/v1/bundles/" + "ab" * 32, content=b"x").status_code == 403


def test_a_revoked_device_gets_nothing_more(running: Controller, published: Release) -> None:
    state = running.folder / "dev-2"
    running.cli("device", "provision", "--serial", "bundle-2", "--out", str(state))
    running.cli("device", "provision", "--serial", "bundle-2", "--out", str(running.folder / "dev-2-again"))
    with as_device(running, state) as old:
        assert old.get(f"/v1/bundles/{bundle_of(published).sha256}").status_code == 401


def test_too_many_at_a_time_are_told_when_to_come_again(published: Release, device: httpx.Client) -> None:
    path = f"/v1/bundles/{bundle_of(published).sha256}"
    with device.stream("GET", path), device.stream("GET", path):
        third = device.get(path)
    assert third.status_code == 429
    assert int(third.headers["retry-after"]) > 0


def test_what_is_not_there_is_404(device: httpx.Client) -> None:
    for name in ("ab" * 32, "nonsense", "..%2Ffleet.toml"):
        assert device.get(f"/v1/bundles/{name}").status_code == 404


def test_a_release_verifies_with_its_bundle(running: Controller, published: Release) -> None:
    said = running.cli("release", "verify", "1.0").stderr
    assert "bundle agent 1.0: signed, 5 files as listed" in said
    shown = json.loads(running.cli("release", "show", "1.0", "-o", "json").stdout)
    assert shown["bundle"]["sha256"] == bundle_of(published).sha256


def test_an_upload_that_was_cut_goes_on_where_it_was(running: Controller) -> None:
    data = NOISE[:3_000_000]
    sha256 = hashlib.sha256(data).hexdigest()
    file = running.folder / "noise"
    file.write_bytes(data)
    with BundleClient.at(running.operator) as client:
        answer = client.answer(
            "PUT", f"/v1/bundles/{sha256}", data[:1_000_000],
            headers={"Content-Range": f"bytes 0-999999/{len(data)}"},
        )  # fmt: skip
        assert msgspec.json.decode(answer.content, type=BundleView).received == 1_000_000
        with pytest.raises(NotFound):
            client.answer("GET", f"/v1/bundles/{sha256}")
        assert client.upload_bundle(file).complete
        assert client.upload_bundle(file).complete


def test_a_tampered_upload_is_refused_and_gone(running: Controller) -> None:
    with BundleClient.at(running.operator) as client, pytest.raises(Refused, match="another file"):
        client.answer("PUT", "/v1/bundles/" + "cd" * 32, b"x", headers={"Content-Type": "application/octet-stream"})
    assert not (running.data / "bundles" / ("cd" * 32)).exists()
    assert not (running.data / "bundles" / ("cd" * 32 + ".part")).exists()


def test_three_steps_with_the_key_elsewhere(running: Controller, config: Path, tmp_path: Path) -> None:
    seed = bytes.fromhex((running.operator / "keys" / "release.key").read_text())
    archive = tmp_path / "agent.tar.gz"
    archive.write_bytes(archive_of(signed(tmp_path / "agent", seed=seed)).read())
    source, out = tmp_path / "source", str(tmp_path / "out")
    source.mkdir()
    (source / "config.toml").write_bytes(config.read_bytes())
    (source / "release.toml").write_text('version = "1.1"\nfleet = "lab"\nbundle = "agent.tar.gz"\n')
    archive.rename(source / "agent.tar.gz")
    running.cli("release", "build", str(source), "--out", out)
    running.cli("release", "sign", out)
    running.cli("release", "verify", out)
    running.cli("release", "upload", out)
    running.cli("release", "verify", "1.1")


def test_a_release_whose_bundle_is_not_here_is_refused(running: Controller, config: Path, tmp_path: Path) -> None:
    named = BundleRef(name="a", version="1", manifest_sha256=Digest("0" * 64), sha256=Digest("1" * 64), size=5)
    release = build_release(
        config.read_bytes(), fleet="lab", version="1.3", format=ConfigFormat.TOML, bundle=named
    )  # fmt: skip
    envelope = sign_release(release, read_key(running.operator / "keys" / "release.key"))
    with running.client() as client, pytest.raises(Refused, match="its bundle is not here"):
        client.publish_release(ReleaseUpload(envelope=envelope, blob=config.read_bytes()))


def test_a_bundle_that_the_release_role_did_not_sign_is_refused(
    running: Controller, config: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "agent.tar.gz"
    archive.write_bytes(archive_of(signed(tmp_path / "agent", seed=bytes(32))).read())
    done = running.cli(
        "release", "create", "--version", "1.2", "--config", str(config), "--bundle", str(archive), code=1
    )
    assert "not signed by enough keys of the release role" in done.stderr


def test_the_audit_log_names_who_uploaded(running: Controller, published: Release) -> None:
    with running.client() as client:
        found = [one for one in client.audit() if one.subject == bundle_of(published).sha256]
    assert [one.act for one in found] == ["bundle.upload"]
