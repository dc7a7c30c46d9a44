"""What goes over the wire, and that only a 2xx counts as taken."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from pyv_edge_agent.cloud_sync.interface import Batch
from pyv_edge_agent.cloud_sync.uploader import HTTPCloudUploader


class Endpoint(http.server.ThreadingHTTPServer):
    answer = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/ingest?x=1"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, dict(self.headers), body))
        self.send_response(self.server.answer)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def test_a_batch_goes_out_as_documented(endpoint: Endpoint) -> None:
    uploader = HTTPCloudUploader(endpoint.url, "key-1", device_id="FLEET-1", clock=lambda: 1.5)
    assert uploader.post_batch(Batch([{"a": 1}], "pyv-1-FLEET-1-1"))
    [(path, headers, body)] = endpoint.seen
    assert path == "/v1/ingest?x=1"
    assert (headers["Authorization"], headers["User-Agent"]) == ("Bearer key-1", "Pyvorin-Edge/1.0")
    assert body == {"batch_id": "pyv-1-FLEET-1-1", "timestamp": 1.5, "count": 1, "items": [{"a": 1}]}


def test_a_plain_list_keeps_its_name_over_retries(endpoint: Endpoint) -> None:
    ticks = iter(range(100))
    uploader = HTTPCloudUploader(endpoint.url, device_id="FLEET-1", clock=lambda: float(next(ticks)))
    endpoint.answer = 503
    assert not uploader.post_batch([1])
    endpoint.answer = 200
    assert uploader.post_batch([1])
    assert uploader.post_batch([2])
    names = [body["batch_id"] for _, _, body in endpoint.seen]
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("pyv-")
    assert names[0].endswith("FLEET-1")


@pytest.mark.parametrize("answer", [301, 400, 401, 429, 500, 503])
def test_anything_but_2xx_is_not_taken_and_not_followed(endpoint: Endpoint, answer: int) -> None:
    endpoint.answer = answer
    uploader = HTTPCloudUploader(endpoint.url)
    assert not uploader.post_batch([1])
    assert uploader.last_error == f"the endpoint answered {answer}"
    assert len(endpoint.seen) == 1


def test_no_answer_is_not_taken_and_says_why(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    url = endpoint.url
    endpoint.shutdown()
    endpoint.server_close()
    uploader = HTTPCloudUploader(url, "secret-key", timeout=2.0)
    assert not uploader.post_batch([1])
    assert "ConnectionRefusedError" in (uploader.last_error or "")
    assert "secret-key" not in caplog.text


@pytest.mark.parametrize("url", ["ftp://x/", "no url", "http://", "/v1"])
def test_an_endpoint_that_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        HTTPCloudUploader(url)


def test_a_key_that_would_break_a_header_is_refused_unseen() -> None:
    with pytest.raises(ValueError, match="api_key") as caught:
        HTTPCloudUploader("http://x/", "secret\r\nX: y")
    assert "secret" not in str(caught.value)


def test_only_a_server_of_the_given_ca_is_spoken_to(endpoint: Endpoint, tmp_path: Path) -> None:
    ours, foreign = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.issue_cert("127.0.0.1").configure_cert(context)
    endpoint.socket = context.wrap_socket(endpoint.socket, server_side=True)
    url = endpoint.url.replace("http:", "https:")
    for name, ca in (("ours.pem", ours), ("foreign.pem", foreign)):
        ca.cert_pem.write_to_path(tmp_path / name)
    assert HTTPCloudUploader(url, ca_file=str(tmp_path / "ours.pem")).post_batch([1])
    refused = HTTPCloudUploader(url, ca_file=str(tmp_path / "foreign.pem"))
    assert not refused.post_batch([1])
    assert "CERTIFICATE_VERIFY_FAILED" in (refused.last_error or "")
