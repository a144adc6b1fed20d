"""Measure `lucid serve` on this machine: what dynamic batching gains, and what malformed requests cost.

    python benchmarks/serve.py [--model resnet18] [--shape 3,224,224] [--clients 32] [--seconds 8] [--malformed 10000]

Clients are connections of this process: each sends the next request when its answer is there, and checks that the
answer is the one it asked for. For each size of batch a server is started, warmed up and measured, several rounds in
turn; figures are medians. Clients and server share the machine's cores, so a request costs the model's time and its
transport.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np

HEAD = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n"
NPY = "application/x-npy"
BODIES = 16  # different inputs, so that an answer to another request is noticed


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@contextlib.contextmanager
def server(*arguments: str) -> Iterator[int]:
    """The port of a running server."""
    command = [sys.executable, "-m", "lucid", "serve", *arguments, "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        lines = []
        while not (found := re.search(r" on http://127.0.0.1:(\d+)$", line := process.stderr.readline())):
            lines.append(line)
            if not line:
                raise SystemExit("".join(lines))
        yield int(found[1])
        process.terminate()
        if process.wait(60):
            raise SystemExit(f"serve.py: the server ended with code {process.returncode}: {process.stderr.read()}")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    assert length
    return int(head[9:12]), await reader.readexactly(int(length[1]))


async def load(port: int, bodies: list[bytes], clients: int, seconds: float) -> dict[str, float]:
    """Keep so many requests under way; requests per second and latencies after a second of warming up."""
    expected: dict[int, bytes] = {}
    latencies: list[float] = []
    start = time.perf_counter() + 1
    end = start + seconds

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        at = number
        while time.perf_counter() < end:
            body = bodies[at % BODIES]
            began = time.perf_counter()
            writer.write(HEAD.format(NPY, len(body)).encode())
            writer.write(body)
            status, found = await answer(reader)
            now = time.perf_counter()
            if status != 200:
                raise SystemExit(f"serve.py: status {status}: {found!r}")
            if expected.setdefault(at % BODIES, found) != found:
                raise SystemExit(f"serve.py: input {at % BODIES} had two different answers")
            if start <= now <= end:
                latencies.append(now - began)
            at += 1
        writer.close()

    await asyncio.gather(*map(client, range(clients)))
    latencies.sort()
    return {"rate": len(latencies) / seconds, "p50": 1e3 * latencies[len(latencies) // 2],
            "p99": 1e3 * latencies[len(latencies) * 99 // 100]}  # fmt: skip


def metric(port: int, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as found:
        match = re.search(rf"^{name} (\S+)$", found.read().decode(), re.M)
    assert match
    return float(match[1])


def throughput(args: argparse.Namespace, plan: str) -> None:
    draw = np.random.default_rng(0)
    bodies = [npy(draw.standard_normal((1, *args.shape)).astype(np.float32)) for _ in range(BODIES)]
    rows: dict[int, list[dict[str, float]]] = {batch: [] for batch in args.batch}
    for _ in range(args.rounds):
        for batch in args.batch:
            with server(plan, "--max-batch", str(batch), "--max-delay", str(args.delay)) as port:
                found = asyncio.run(load(port, bodies, args.clients, args.seconds))
                runs = metric(port, "lucid_batch_seconds_count")
                found["model"] = 1e3 * metric(port, "lucid_batch_seconds_sum") / metric(port, "lucid_batch_rows_sum")
                found["rows"] = metric(port, "lucid_batch_rows_sum") / runs
                rows[batch].append(found)
    print(f"{args.model} {args.shape}, {args.clients} clients, medians of {args.rounds} rounds of {args.seconds:g} s")
    print("largest batch  requests/s  p50 ms  p99 ms  samples per batch  model's ms per sample")
    medians = {b: {k: statistics.median(f[k] for f in found) for k in found[0]} for b, found in rows.items()}
    for batch, m in medians.items():
        print(f"{batch:13}  {m['rate']:10.1f}  {m['p50']:6.1f}  {m['p99']:6.1f}  {m['rows']:17.1f}  {m['model']:21.2f}")
    first, last = args.batch[0], args.batch[-1]
    print(f"batches of {last} over batches of {first}: {medians[last]['rate'] / medians[first]['rate']:.2f}")


async def abuse(port: int, count: int) -> int:
    """Malformed requests, one connection each; how many had an answer."""
    head = HEAD.format("application/json", 0).encode().replace(b"Length: 0", b"Length: %d")
    bodies = [
        b"",
        b"{",
        b"[" * 50000,
        b'{"inputs": [[1], [2, 3]]}',
        b'{"inputs": ' + b"9" * 5000 + b"}",
        b"\xff" * 9000,
    ]
    arrays = [b"\x93NUMPY\x01\x00\xff\xff", npy(np.zeros((1, 2), np.float32)), npy(np.array([1]))[:-3], b"0" * 100000]
    requests = [head % len(b) + b for b in bodies]
    requests += [head.replace(b"application/json", NPY.encode()) % len(b) + b for b in arrays]
    post = b"POST /predict HTTP/1.1\r\n"
    requests += [b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", head % 1000 + b"{", head % 10**12]
    requests += [post + b"X: " + b"a" * 60000 + b"\r\n\r\n", post + b"Content-Length: x\r\n\r\n"]
    requests += [post + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"]
    answered = 0
    turns = iter(range(count))

    async def client() -> None:
        nonlocal answered
        for i in turns:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.suppress(ConnectionError):
                writer.write(requests[i % len(requests)])
                writer.write_eof()
                first = await reader.read(12)
                if first[9:12] == b"200":
                    raise SystemExit(f"serve.py: request {i} was answered {first!r}")
                answered += bool(first)
            writer.close()

    await asyncio.gather(*[client() for _ in range(16)])
    return answered


def malformed(args: argparse.Namespace, plan: str) -> None:
    with server(plan) as port:
        asyncio.run(abuse(port, 1000))  # until allocators and caches have their size
        before = metric(port, "process_resident_memory_bytes")
        began = time.perf_counter()
        answered = asyncio.run(abuse(port, args.malformed))
        took = time.perf_counter() - began
        after = metric(port, "process_resident_memory_bytes")
        body = npy(np.zeros((2, *args.shape), np.float32))
        request = urllib.request.Request(f"http://127.0.0.1:{port}/predict", body, {"Content-Type": NPY})
        with urllib.request.urlopen(request) as found:
            shape = np.load(io.BytesIO(found.read())).shape
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health") as found:
            health = json.load(found)["status"]
    print(f"{args.malformed} malformed requests in {took:.1f} s, {answered} of them answered")
    print(
        f"resident memory {before / 1e6:.1f} MB before, {after / 1e6:.1f} MB after; health {health!r}, results {shape}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure lucid serve.")
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--shape", type=lambda text: tuple(map(int, text.split(","))), default=(3, 224, 224))
    parser.add_argument(
        "--batch", type=lambda text: list(map(int, text.split(","))), default=[1, 16], help="largest ones"
    )
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--delay", type=float, default=5.0, help="milliseconds")
    parser.add_argument("--malformed", type=int, default=10000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plan = str(Path(folder, "model.lucid"))
        sizes = ",".join(map(str, sorted({1 << k for k in range(13) if 1 << k <= max(args.batch)} | set(args.batch))))
        shape = ",".join(map(str, args.shape))
        command = [sys.executable, "-m", "lucid", "compile", args.model, "--shape", shape, "--batch", sizes, "-o", plan]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        if args.seconds:
            throughput(args, plan)
        if args.malformed:
            malformed(args, plan)


if __name__ == "__main__":
    main()
