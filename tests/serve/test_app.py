"""The web application, called as a server calls it."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("prometheus_client")

from serve.nets import images, small

from lucid.serve import Limits, Model, make_app, open_model
from lucid.serve._bodies import NPY, write_npy

JSON = "application/json"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def array(self) -> np.ndarray:
        return np.load(io.BytesIO(self.body), allow_pickle=False)


async def ask(
    app: Any, body: Any = b"", *, path: str = "/predict", method: str = "POST", kind: str = NPY, query: str = "",
    leaves: bool = False, **headers: str,
) -> Answer:  # fmt: skip
    """One request; ``body`` is bytes or a list of parts, after which the client waits, or leaves."""
    parts = [body] if isinstance(body, bytes) else list(body)
    named = {"content-type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}
    if isinstance(body, bytes):
        named.setdefault("content-length", str(len(body)))
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "http_version": "1.1",
             "headers": [(n.encode(), v.encode()) for n, v in named.items()]}  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if parts:
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}
        if not leaves:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await asyncio.wait_for(app(scope, receive, send), 60)
    found = {n.decode(): v.decode() for n, v in sent[0]["headers"]}
    return Answer(sent[0]["status"], found, b"".join(m["body"] for m in sent[1:]))


def one(app: Any, *args: Any, **options: Any) -> Answer:
    return asyncio.run(ask(app, *args, **options))


@pytest.fixture
def serving() -> Iterator[Callable[..., Any]]:
    """Makes applications, and ends them."""
    apps = []

    def make(model: Model | None = None, labels: Any = (), **limits: Any) -> Any:
        model = model or open_model(small(), shape=(3, 16, 16))
        apps.append(make_app(model, labels=labels, limits=Limits(**{"max_delay": 0.001, **limits})))
        return apps[-1]

    yield make
    for app in apps:
        assert app.state.service.batcher.close(30)


def test_answers_have_the_form_of_their_requests(serving: Callable[..., Any]) -> None:
    app, x = serving(), images(3)
    expected = open_model(small(), shape=(3, 16, 16))([x])[0]
    answer = one(app, write_npy(x))
    assert answer.status == 200 and answer.headers["content-type"] == NPY
    assert answer.array().tobytes() == expected.tobytes()
    assert one(app, write_npy(x[1])).array().tobytes() == expected[1].tobytes()
    body = json.dumps({"inputs": x.tolist(), "id": 7}).encode()
    answer = one(app, body, kind=JSON)
    assert answer.headers["content-type"] == JSON and answer.json()["id"] == 7
    assert np.array(answer.json()["outputs"], np.float32).tobytes() == expected.tobytes()
    assert one(app, body, kind=JSON, accept=NPY).array().tobytes() == expected.tobytes()
    single = one(app, write_npy(x[2]), accept=JSON).json()
    assert np.array(single["outputs"], np.float32).tobytes() == expected[2].tobytes() and "id" not in single


def test_a_dynamic_batch_has_the_bytes_of_batches_of_one(serving: Callable[..., Any]) -> None:
    x = images(32)
    alone, together = serving(max_batch=1), serving(max_batch=16, max_delay=1e6)  # full batches, and those at once

    async def all_at_once(app: Any) -> list[Answer]:
        return await asyncio.gather(*[ask(app, write_npy(row)) for row in x])

    expected = [a.body for a in asyncio.run(all_at_once(alone))]
    assert [a.body for a in asyncio.run(all_at_once(together))] == expected
    assert b'lucid_batch_rows_bucket{le="1"} 32' in one(alone, path="/metrics", method="GET").body.replace(b".0", b"")
    assert b"lucid_batch_rows_count 2" in one(together, path="/metrics", method="GET").body


def test_classes_by_name(serving: Callable[..., Any]) -> None:
    labels = [f"digit {i}" for i in range(10)]
    app, x = serving(labels=labels), images(2)
    scores = open_model(small(), shape=(3, 16, 16))([x])[0].astype(np.float64)
    found = one(app, write_npy(x), query="top=3").json()["predictions"]
    assert [len(row) for row in found] == [3, 3]
    assert [c["number"] for c in found[0]] == np.argsort(-scores[0])[:3].tolist()
    assert found[0][0]["label"] == f"digit {found[0][0]['number']}"
    assert found[1][0]["score"] == pytest.approx((np.exp(scores[1]) / np.exp(scores[1]).sum()).max())
    assert len(one(app, write_npy(x[0]), query="top=99").json()["predictions"]) == 10
    assert one(app, write_npy(x), query="top=-1").json() == {"error": "top must be a number, got '-1'"}


def test_several_inputs_and_outputs(serving: Callable[..., Any]) -> None:
    from lucid.serve import Input

    inputs = [Input("a", (2,), np.dtype(np.float32)), Input("b", (2,), np.dtype(np.int64))]
    model = Model("two", "module", None, lambda a, b: (a * 2, b + 1), inputs, output_names=["twice", "next"])
    app = serving(model)
    body = json.dumps({"inputs": {"a": [[1, 2], [3, 4]], "b": [[5, 6], [7, 8]]}}).encode()
    assert one(app, body, kind=JSON).json() == {"outputs": {"twice": [[2, 4], [6, 8]], "next": [[6, 7], [8, 9]]}}
    answer = one(app, body, kind=JSON, accept=NPY)
    assert answer.status == 406 and answer.json()["error"].startswith("the model has 2 outputs")
    answer = one(app, write_npy(np.zeros((1, 2), np.float32)))
    assert answer.json() == {"error": "expected the inputs a, b, got a"}


def test_sequences_of_different_lengths(serving: Callable[..., Any]) -> None:
    model = open_model("bert_tiny_classifier")
    assert str(model.inputs[0]) == "x: int64 (n, any)"
    app = serving(model, max_delay=0.05)
    sentences = [list(range(1, 1 + n)) for n in (3, 5, 3, 7, 5, 3)]
    expected = [model([np.array([s])])[0][0] for s in sentences]

    async def load() -> list[Answer]:
        bodies = [json.dumps({"inputs": s}).encode() for s in sentences]
        return await asyncio.gather(*[ask(app, body, kind=JSON) for body in (*bodies, b'{"inputs": [1, 2, 99999999]}')])

    *answers, wrong = asyncio.run(load())
    for answer, y in zip(answers, expected):
        assert np.array(answer.json()["outputs"], np.float32).tobytes() == y.tobytes()
    assert wrong.status == 400 and "index 99999999 is out of range for" in wrong.json()["error"]


@pytest.mark.parametrize(
    "request_, status, error",
    [
        ({"body": b"junk"}, 400, "the body is not a .npy file: ValueError"),
        ({"body": b"{", "kind": JSON}, 400, "the body is not JSON: "),
        ({"body": b"", "kind": "image/png"}, 415, "content type 'image/png' is not supported"),
        ({"body": b"0" * 5001}, 413, "the request is larger than 5000 bytes"),
        ({"body": [b"0" * 3000, b"0" * 3000]}, 413, "the request is larger than 5000 bytes"),
        ({"body": b"", "content_length": "9" * 30}, 413, "the request is larger than 5000 bytes"),
        ({"path": "/nothing"}, 404, "Not Found"),
        ({"method": "GET"}, 405, "Method Not Allowed"),
        ({"body": write_npy(np.zeros((1, 3, 16, 17), np.float32))}, 400, "expected x: float32 (n, 3, 16, 16), or one"),
    ],
)
def test_refusals(serving: Callable[..., Any], request_: dict[str, Any], status: int, error: str) -> None:
    app = serving(max_body=5000)
    answer = one(app, **request_, x_request_id="abc")
    assert answer.status == status and answer.json()["error"].startswith(error)
    assert answer.headers["x-request-id"] == "abc" and list(answer.json()) == ["error"]
    assert (app.state.service.requests, app.state.service.bytes) == (0, 0)
    assert one(app, write_npy(images(1))).status == 200


def test_more_samples_than_may_wait(serving: Callable[..., Any]) -> None:
    app = serving(queue=4, max_batch=2)
    answer = one(app, write_npy(images(5)))
    assert answer.status == 413 and answer.json()["error"].startswith("5 samples in one request, more than the 4 that")
    assert one(app, write_npy(images(4))).array().shape == (4, 10)


class Held:
    """A model that waits."""

    def __init__(self) -> None:
        import threading

        self.go, self.begun = threading.Event(), threading.Event()
        self.rows = 0

    def __call__(self, x: Any) -> Any:
        self.begun.set()
        assert self.go.wait(30)
        self.rows += len(x)
        return x.flatten(1)[:, :10]


def waiting_model() -> tuple[Model, Held]:
    from lucid.serve import Input

    held = Held()
    return Model("held", "module", None, held, [Input("x", (3, 16, 16), np.dtype(np.float32))]), held


def test_a_full_queue_answers_503_at_once_and_loses_nothing(serving: Callable[..., Any]) -> None:
    model, held = waiting_model()
    app = serving(model, queue=6, max_batch=2, max_delay=0)
    x = images(20)

    async def load() -> tuple[list[Answer], Answer]:
        tasks = [asyncio.ensure_future(ask(app, write_npy(row))) for row in x]
        refused = await next(asyncio.as_completed(tasks))  # while the model waits, only refusals come back
        held.go.set()
        return await asyncio.gather(*tasks), refused

    answers, refused = asyncio.run(load())
    assert refused.status == 503 and refused.headers["retry-after"] == "1"
    assert refused.json()["error"].endswith("requests wait already; try again later")
    statuses = [a.status for a in answers]
    assert sorted(set(statuses)) == [200, 503] and statuses.count(200) == 6
    for row, a in zip(x, answers):
        assert a.status == 503 or a.array().tobytes() == row.reshape(-1)[:10].tobytes()
    assert one(app, write_npy(x[0])).status == 200


def test_bytes_on_their_way_are_limited(serving: Callable[..., Any]) -> None:
    body = write_npy(images(1))
    assert one(serving(max_pending=len(body)), body).status == 200
    assert one(serving(max_pending=len(body) - 1), body).status == 503


def test_a_client_that_leaves_takes_its_rows_along(serving: Callable[..., Any]) -> None:
    model, held = waiting_model()
    app = serving(model, max_batch=1, max_delay=0)

    async def load() -> tuple[Answer, Answer]:
        stays = asyncio.ensure_future(ask(app, write_npy(images(1)[0])))
        assert await asyncio.to_thread(held.begun.wait, 30)
        left = await ask(app, write_npy(images(1)[0]), leaves=True)
        held.go.set()
        return left, await stays

    left, stays = asyncio.run(load())
    assert (left.status, stays.status) == (499, 200)
    assert app.state.service.batcher.close(30) and held.rows == 1


def test_a_client_that_does_not_send(serving: Callable[..., Any]) -> None:
    async def slow() -> Answer:
        app = serving(read_seconds=0.01)
        scope_body: list[bytes] = []
        return await ask(app, scope_body, content_length="100")

    answer = asyncio.run(slow())
    assert answer.status == 408 and answer.json()["error"] == "the request did not arrive within 0.01 s"


def test_health_and_stopping(serving: Callable[..., Any]) -> None:
    app = serving(max_batch=6)
    answer = one(app, path="/health", method="GET")
    assert answer.status == 200 and answer.json()["status"] == "ok" and answer.json()["batches"] == [1, 2, 4, 6]
    assert answer.json()["inputs"] == [{"name": "x", "shape": [3, 16, 16], "dtype": "float32"}]
    app.state.service.stopping = True
    assert one(app, path="/health", method="GET").json()["status"] == "stopping"
    answer = one(app, write_npy(images(1)))
    assert answer.status == 503 and answer.json() == {"error": "the server is stopping"}


def test_metrics(serving: Callable[..., Any]) -> None:
    app = serving()
    one(app, write_npy(images(3)))
    one(app, b"junk")
    answer = one(app, path="/metrics", method="GET")
    assert answer.headers["content-type"].startswith("text/plain")
    for line in (b'lucid_requests_total{status="200"} 1.0', b'lucid_requests_total{status="400"} 1.0',
                 b"lucid_request_seconds_count 2.0", b"lucid_batch_rows_sum 3.0", b"lucid_waiting_rows 0.0"):  # fmt: skip
        assert line in answer.body, line


def test_errors_of_the_model(serving: Callable[..., Any]) -> None:
    from lucid.serve import Input

    def call(x: Any) -> Any:
        if (x < 0).any():
            raise ValueError("no\nnegative  numbers")
        raise RuntimeError("broken")

    app = serving(Model("m", "module", None, call, [Input("x", (1,), np.dtype(np.float32))]))
    answer = one(app, b'{"inputs": [-1]}', kind=JSON)
    assert answer.status == 400 and answer.json() == {"error": "no negative numbers"}
    answer = one(app, b'{"inputs": [1]}', kind=JSON)
    assert answer.status == 500 and answer.json() == {"error": "RuntimeError: broken"}
