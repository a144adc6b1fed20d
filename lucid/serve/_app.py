"""The web application: what is asked for and answered over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lucid._functions._naming import listed
from lucid._version import __version__
from lucid.serve._batcher import Batcher, BusyError, ClosedError
from lucid.serve._bodies import JSON, NPY, BodyError, Request, plain, read, write_json, write_npy
from lucid.serve._labels import top_classes
from lucid.serve._model import Model, one_line

HINT = "lucid.serve needs starlette, uvicorn, httptools and prometheus-client: pip install lucid[serve]"
ASIDE = 1 << 16
"""Bytes of JSON from which it is read in a thread, so that other requests go on meanwhile."""


@dataclass(frozen=True)
class Limits:
    """How much a server takes on.

    Attributes:
        max_batch: samples in the largest batch.
        max_delay: seconds that a sample may wait for others to join its batch.
        queue: samples that may wait, and requests whose bodies may be on their way.
        max_body: bytes of one request.
        max_pending: bytes of all requests that are being read or answered.
        read_seconds: time a client has to send its request.
        retry_after: seconds after which a client that was refused should try again.

    Example:
        >>> from lucid.serve import Limits
        >>> Limits(max_batch=32).max_delay
        0.005
    """

    max_batch: int = 16
    max_delay: float = 0.005
    queue: int = 256
    max_body: int = 16 << 20
    max_pending: int = 512 << 20
    read_seconds: float = 30.0
    retry_after: int = 1


class Service:
    """A model, the queue in front of it, and what is counted."""

    def __init__(self, model: Model, limits: Limits, labels: Sequence[str]) -> None:
        from lucid.serve._metrics import Metrics

        self.model, self.limits, self.labels = model, limits, list(labels)
        self.batcher = Batcher(model, max_batch=limits.max_batch, max_delay=limits.max_delay, queue=limits.queue,
                               sizes=model.sizes, observe=self._observe)  # fmt: skip
        self.metrics = Metrics(self.batcher.sizes, lambda: self.batcher.waiting)
        self.stopping = False
        self.requests = self.bytes = 0

    def _observe(self, rows: int, seconds: float) -> None:
        self.metrics.batch(rows, seconds)

    @contextlib.asynccontextmanager
    async def admitted(self, length: int) -> AsyncIterator[None]:
        """A place for a request of so many bytes while it is read and answered.

        Raises:
            BodyError: there is none.
        """
        if self.stopping:
            raise BodyError(503, "the server is stopping")
        if self.requests >= self.limits.queue or self.bytes + length > self.limits.max_pending:
            raise BodyError(503, f"{self.requests} requests wait already; try again later")
        self.requests += 1
        self.bytes += length
        try:
            yield
        finally:
            self.requests -= 1
            self.bytes -= length

    async def predict(self, request: Any) -> tuple[bytes, str]:
        """The answer to a request and its content type.

        Raises:
            BodyError: there is none.
        """
        length = self._length(request)
        top, answer = self._wanted(request)
        async with self.admitted(self.limits.max_body if length is None else length):
            body = await self._body(request)
            kind = request.headers.get("content-type", "")
            if len(body) >= ASIDE and NPY not in kind:
                asked = await asyncio.to_thread(read, kind, body, self.model.inputs)
            else:
                asked = read(kind, body, self.model.inputs)
            del body
            results = await self._run(request, asked)
            return self._answer(asked, results, top, answer)

    def _length(self, request: Any) -> int | None:
        text = request.headers.get("content-length")
        if text is None or re.fullmatch("[0-9]+", text) is None:
            return None
        length = int(text[:19])  # 10**18 bytes are too many, however many more there are
        if length > self.limits.max_body:
            raise self._too_large()
        return length

    def _too_large(self) -> BodyError:
        return BodyError(413, f"the request is larger than {self.limits.max_body} bytes")

    def _wanted(self, request: Any) -> tuple[int, str]:
        """How many classes to name, 0 for plain outputs, and the content type of the answer."""
        text = request.query_params.get("top", "0")
        if not re.fullmatch("[0-9]{1,6}", text):
            raise BodyError(400, f"top must be a number, got {text[:50]!r}")
        accepted = request.headers.get("accept", "").lower()
        same = NPY if request.headers.get("content-type", "").lower().startswith(NPY) else JSON
        answer = NPY if NPY in accepted else JSON if JSON in accepted else same
        return int(text), JSON if int(text) else answer

    async def _body(self, request: Any) -> bytes:
        from starlette.requests import ClientDisconnect

        parts, length = [], 0
        try:
            async with asyncio.timeout(self.limits.read_seconds):
                async for part in request.stream():
                    parts.append(part)
                    length += len(part)
                    if length > self.limits.max_body:
                        raise self._too_large()
        except TimeoutError:
            raise BodyError(408, f"the request did not arrive within {self.limits.read_seconds:g} s") from None
        except ClientDisconnect:
            raise BodyError(499, "the client has gone") from None
        return b"".join(parts)

    async def _run(self, request: Any, asked: Request) -> list[np.ndarray]:
        rows = len(asked.arrays[0])
        if rows > self.limits.queue:
            raise BodyError(413, f"{rows} samples in one request, more than the {self.limits.queue} that may wait")
        try:
            queued = self.batcher.submit(asked.arrays)
        except (BusyError, ClosedError) as error:
            raise BodyError(503, str(error)) from None
        future = asyncio.wrap_future(queued)
        gone = asyncio.ensure_future(request.receive())  # the body was read: the next message is that the client left
        try:
            await asyncio.wait({future, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not future.done():
                queued.cancel()  # at once: cancelling ``future`` would reach the queue one turn of the loop later
                raise BodyError(499, "the client has gone")
            return future.result()
        except (ValueError, TypeError, IndexError) as error:
            raise BodyError(400, one_line(error)) from None
        except BodyError:
            raise
        except Exception as error:
            raise BodyError(500, f"{type(error).__name__}: {one_line(error)}") from error
        finally:
            gone.cancel()

    def _answer(self, asked: Request, results: list[np.ndarray], top: int, answer: str) -> tuple[bytes, str]:
        if top:
            try:
                found = top_classes(results[0], top, self.labels)
            except ValueError as error:
                raise BodyError(400, f"top: {error}") from None
            made: Any = [[each.plain() for each in row] for row in found]
            value = {"predictions": made[0] if asked.single else made}
        else:
            results = [y[0] for y in results] if asked.single else results
            if answer == NPY:
                if len(results) > 1:
                    raise BodyError(406, f"the model has {len(results)} outputs, which fit into {JSON} alone")
                return write_npy(results[0]), NPY
            names = self.model.output_names
            value = {"outputs": plain(results[0]) if len(results) == 1 else dict(zip(names, map(plain, results)))}
        if asked.id is not None:
            value["id"] = asked.id
        return write_json(value), JSON

    def description(self) -> dict[str, Any]:
        """What `GET /health` says."""
        inputs = [{"name": i.name, "shape": list(i.shape), "dtype": str(i.dtype)} for i in self.model.inputs]
        status = "stopping" if self.stopping else "ok" if self.batcher.alive else "failed"
        return {"status": status, "model": self.model.name, "inputs": inputs, "batches": self.batcher.sizes,
                "lucid": __version__}  # fmt: skip


@listed
def make_app(model: Model, *, limits: Limits | None = None, labels: Sequence[str] = ()) -> Any:
    """An ASGI application (Starlette) that answers for a model: POST /predict, GET /health, GET /metrics.

    `docs/cli.md` says what requests and answers look like. Requests that wait are run together, see `Batcher`. Close
    ``app.state.service.batcher`` when the application ends.

    Args:
        model: what `open_model` gave.
        limits: how much it takes on.
        labels: names of the model's classes.

    Raises:
        ImportError: the extra ``serve`` is not installed.

    Example:
        >>> from lucid import nn
        >>> from lucid.serve import make_app, open_model
        >>> app = make_app(open_model(nn.Linear(3, 2), shape=(3,)))
        >>> [route.path for route in app.routes]
        ['/predict', '/health', '/metrics']
        >>> app.state.service.batcher.close()
        True
    """
    try:
        import prometheus_client
        from starlette.applications import Starlette
        from starlette.exceptions import HTTPException
        from starlette.requests import Request as HttpRequest
        from starlette.responses import Response
        from starlette.routing import Route
    except ImportError as error:
        raise ImportError(HINT) from error
    service = Service(model, limits or Limits(), labels)

    def respond(status: int, body: bytes, kind: str, request: HttpRequest) -> Response:
        headers = {}
        given = request.headers.get("x-request-id", "")
        if re.fullmatch(r"[\x21-\x7e]{1,128}", given):
            headers["X-Request-ID"] = given
        if status == 503:
            headers["Retry-After"] = str(service.limits.retry_after)
        return Response(body, status, headers, kind)

    async def predict(request: HttpRequest) -> Response:
        began = time.perf_counter()
        try:
            status, (body, kind) = 200, await service.predict(request)
        except BodyError as error:
            status, body, kind = error.status, write_json({"error": str(error)}), JSON
        service.metrics.request(status, time.perf_counter() - began)
        return respond(status, body, kind, request)

    async def health(request: HttpRequest) -> Response:
        found = service.description()
        return respond(200 if found["status"] == "ok" else 503, write_json(found), JSON, request)

    async def metrics(request: HttpRequest) -> Response:
        return Response(service.metrics.text(), media_type=prometheus_client.CONTENT_TYPE_LATEST)

    async def refuse(request: HttpRequest, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        made = respond(error.status_code, write_json({"error": error.detail}), JSON, request)
        made.headers.update(error.headers or {})
        return made

    app = Starlette(
        routes=[
            Route("/predict", predict, methods=["POST"]),
            Route("/health", health, methods=["GET"]),
            Route("/metrics", metrics, methods=["GET"]),
        ],
        exception_handlers={HTTPException: refuse},
    )
    app.state.service = service
    return app
