"""`lucid serve` as a process: concurrent clients, malformed requests, signals."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from serve.nets import images, small

import lucid
from lucid.serve._bodies import NPY, write_npy

for name in ("starlette", "uvicorn", "httptools", "prometheus_client"):
    pytest.importorskip(name)
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")

LIMIT = 60


class Server:
    """A running `lucid serve`."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.port = process, port

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)

    def ask(self, body: bytes, kind: str = NPY, path: str = "/predict") -> tuple[int, bytes]:
        with contextlib.closing(self.connect()) as connection:
            connection.request("POST", path, body, {"Content-Type": kind})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def get(self, path: str) -> bytes:
        with contextlib.closing(self.connect()) as connection:
            connection.request("GET", path)
            return connection.getresponse().read()

    def resident(self) -> float:
        """Megabytes of memory the process holds."""
        found = re.search(rb"\nprocess_resident_memory_bytes (\S+)", self.get("/metrics"))
        assert found
        return float(found[1]) / 1e6


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "lucid", "serve", *arguments, "--port", "0"], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        found = re.search(r" on http://127.0.0.1:(\d+)$", line)
        assert found, line + process.stderr.read()
        yield Server(process, int(found[1]))
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("serve") / "small.lucid"
    compiled = lucid.compile(small())
    for rows in (1, 2, 4, 8):
        with lucid.inference_mode():
            compiled(lucid.from_numpy(images(rows)))
    compiled.save(path)
    return path


def test_every_id_is_answered_once_and_with_its_own_result(plan: Path) -> None:
    x = images(300)
    expected = lucid.load_compiled(plan)
    rows = [expected(lucid.from_numpy(x[i : i + 1])).numpy()[0] for i in range(300)]
    answers: dict[int, list[list[float]]] = {}
    lock = threading.Lock()
    with serving(str(plan), "--max-delay", "2") as server:

        def client(first: int) -> None:
            with contextlib.closing(server.connect()) as connection:
                for i in range(first, first + 30):
                    body = json.dumps({"inputs": x[i].tolist(), "id": i})
                    connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
                    found = json.loads(connection.getresponse().read())
                    with lock:
                        answers.setdefault(found["id"], []).append(found["outputs"])

        threads = [threading.Thread(target=client, args=(30 * i,)) for i in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        metrics = server.get("/metrics").decode()
    assert sorted(answers) == list(range(300)) and all(len(found) == 1 for found in answers.values())
    for i, (found,) in answers.items():
        assert np.array(found, np.float32).tobytes() == rows[i].tobytes()
    assert "lucid_batch_rows_sum 300.0" in metrics
    batches = re.search(r"lucid_batch_rows_count (\S+)", metrics)
    assert batches and float(batches[1]) < 300  # some were run together


MALFORMED = [
    b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\nabc",
    b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc",
    b"GET /health HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 5000 + b"\r\n\r\n",
]
BODIES = [
    (b"", NPY), (b"\x93NUMPY\x01\x00\xff\xff", NPY), (write_npy(images(1)[0, 0]), NPY), (b"{" * 2000, "application/json"),
    (b'{"inputs": [[[1, 2], [3]]]}', "application/json"), (b"\x00" * 3000, "text/plain"), (b"[" * 30000, "application/json"),
    (write_npy(images(1))[:-1], NPY),
]  # fmt: skip


def abuse(server: Server, count: int) -> None:
    """Send malformed requests, of which none may get anything but an error."""
    for i in range(count):
        if i % 2:
            status, answer = server.ask(*BODIES[i // 2 % len(BODIES)])
            assert status in (400, 415) and list(json.loads(answer)) == ["error"], answer
            continue
        with socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT) as raw:
            raw.sendall(MALFORMED[i // 2 % len(MALFORMED)])
            raw.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                answer = raw.recv(1 << 16)
                assert b" 200 " not in answer.partition(b"\r\n")[0], answer


def test_malformed_requests_leave_the_server_up_and_its_memory_flat(plan: Path) -> None:
    with serving(str(plan)) as server:
        abuse(server, 200)
        before = server.resident()
        abuse(server, 1000)
        assert server.resident() - before < 4
        status, answer = server.ask(write_npy(images(3)))
        assert status == 200 and np.load(io.BytesIO(answer)).shape == (3, 10)
        assert json.loads(server.get("/health"))["status"] == "ok"


def test_a_large_request_is_refused_and_the_connection_goes_on(plan: Path) -> None:
    with serving(str(plan), "--max-body", "1") as server, contextlib.closing(server.connect()) as connection:
        connection.request("POST", "/predict", b"0" * (3 << 20), {"Content-Type": NPY})
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())) == (
            413,
            {"error": "the request is larger than 1048576 bytes"},
        )
        connection.request("POST", "/predict", write_npy(images(1)), {"Content-Type": NPY})
        assert connection.getresponse().status == 200


def test_clients_that_do_not_finish_do_not_stay(plan: Path) -> None:
    program = f"""
from lucid.serve import Limits, open_model, run
run(open_model({str(plan)!r}), port=0, limits=Limits(read_seconds=0.3), started=lambda x: print(x, flush=True))
"""
    process = subprocess.Popen([sys.executable, "-P", "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        server = Server(process, int(process.stdout.readline().rpartition(":")[2]))
        head = f"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: {NPY}\r\nContent-Length: 900\r\n".encode()
        with contextlib.ExitStack() as stack:
            starts = [b"", b"POST /pre", head, head + b"\r\nabc", b"GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET"]
            sockets = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), LIMIT)) for _ in starts]
            for client, start in zip(sockets, starts):
                client.sendall(start)
            answers = []
            for client in sockets:
                parts = []
                with contextlib.suppress(ConnectionResetError):
                    while part := client.recv(1 << 16):
                        parts.append(part)
                answers.append(b"".join(parts)[9:12])
            assert answers == [b"", b"", b"", b"408", b"200"]
        assert server.ask(write_npy(images(1)))[0] == 200
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_it_answer_what_waits_and_stop(plan: Path, number: signal.Signals) -> None:
    with serving(str(plan), "--max-delay", "60000") as server:
        statuses: list[int] = []

        def client() -> None:
            statuses.append(server.ask(write_npy(images(1)))[0])

        threads = [threading.Thread(target=client) for _ in range(5)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + LIMIT
        while b"lucid_waiting_rows 5.0" not in server.get("/metrics"):  # fewer than a batch, so they wait for more
            assert time.monotonic() < deadline
        server.process.send_signal(number)
        for thread in threads:
            thread.join()
        assert statuses == [200] * 5
        assert server.process.wait(LIMIT) == 0
        assert server.process.stderr is not None
        assert server.process.stderr.read() == "lucid serve: stopped, everything that waited is answered\n"
        with pytest.raises(ConnectionRefusedError):
            server.ask(b"")


def test_an_address_in_use(plan: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run([sys.executable, "-P", "-m", "lucid", "serve", str(plan), "--port", str(port)],
                              capture_output=True, text=True, timeout=LIMIT)  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"lucid serve: cannot listen on 127.0.0.1 port {port}: address already in use\n"
