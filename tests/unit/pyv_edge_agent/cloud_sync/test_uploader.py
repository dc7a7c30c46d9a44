"""What goes over the wire, and that only a 2xx counts as taken."""

from __future__ import annotations

import http.server
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from pyv_edge_agent.cloud_sync.interface import Answer, Batch, Outcome
from pyv_edge_agent.cloud_sync.uploader import HTTPCloudUploader
from pyvorin_edge.vocabulary import UploadFailure


class Endpoint(http.server.ThreadingHTTPServer):
    answer = 200
    #: taken before an answer is given; for a cloud that is slow
    gate = threading.Semaphore(10**6)

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.headers: dict[str, str] = {}
        self.seen: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/ingest?x=1"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, dict(self.headers), body))
        self.server.gate.acquire()
        self.send_response(self.server.answer)
        self.send_header("Location", "/elsewhere")
        for name, value in self.server.headers.items():
            self.send_header(name, value)
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
    assert (uploader.last_error or "").startswith(f"the endpoint answered {answer}")
    assert len(endpoint.seen) == 1


def test_no_answer_is_not_taken_and_says_why(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    url = endpoint.url
    endpoint.shutdown()
    endpoint.server_close()
    uploader = HTTPCloudUploader(url, "secret-key", timeout=2.0)
    assert not uploader.post_batch([1])
    assert "ConnectionRefusedError" in (uploader.last_error or "")
    assert uploader.post([1]).failure is UploadFailure.NETWORK
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
    assert refused.post([1]).failure is UploadFailure.TLS


def test_what_the_cloud_asks_for_is_understood(endpoint: Endpoint) -> None:
    endpoint.answer, endpoint.headers = 503, {"Retry-After": "17"}
    assert HTTPCloudUploader(endpoint.url).post([1]) == Answer(
        Outcome.LATER, "the endpoint answered 503", 17.0, UploadFailure.SERVER
    )


def test_an_answer_before_all_is_sent_is_heard() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

        threading.Thread(target=refuse, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        assert HTTPCloudUploader(url).post(["x" * 500_000]).outcome is Outcome.TOO_LARGE


def test_a_try_under_way_can_be_ended_from_another_thread(endpoint: Endpoint) -> None:
    endpoint.gate = threading.Semaphore(0)
    uploader = HTTPCloudUploader(endpoint.url)
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(uploader.post([1])))
    thread.start()
    deadline = time.monotonic() + 10
    while not endpoint.seen:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    uploader.abort()
    thread.join(timeout=10)
    endpoint.gate.release()
    assert [answer.outcome for answer in answers] == [Outcome.LATER]


def test_a_server_that_speaks_no_http_is_told_without_its_url() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def babble() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"garbage\r\n\r\n")

        threading.Thread(target=babble, daemon=True).start()
        answer = HTTPCloudUploader(f"http://127.0.0.1:{server.getsockname()[1]}/?key=secret").post([1])
    assert (answer.outcome, "secret" in answer.reason) == (Outcome.LATER, False)


def test_silence_is_told_as_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        assert HTTPCloudUploader(url, timeout=0.05).post([1]).failure is UploadFailure.TIMEOUT
