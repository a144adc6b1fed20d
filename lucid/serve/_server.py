"""A process that serves a model until it is told to stop."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lucid.serve._app import HINT, Limits, Service, make_app
from lucid.serve._batcher import batch_sizes
from lucid.serve._model import Model, ModelError, one_line

SIGNALS = (signal.SIGTERM, signal.SIGINT)
CONNECTIONS = 768
"""Connections at once, below the 1024 files that a process may usually have open; more are answered 503."""

TURN = 0.0005
"""Seconds that one Python thread keeps the interpreter while another wants it."""


def warm_up(model: Model, sizes: Sequence[int]) -> None:
    """Run the model once in every batch size, so that no request pays for a plan.

    Raises:
        ModelError: it does not run, or its results have no batch dimension.
    """
    for size in sizes:
        try:
            results = model(model.examples(size))
        except Exception as error:
            raise ModelError(f"{model.name}: cannot be run on zeros of {'; '.join(map(str, model.inputs))}: "
                             f"{one_line(error)}") from error  # fmt: skip
        if any(y.ndim == 0 or len(y) != size for y in results):
            shapes = ", ".join(str(y.shape) for y in results)
            raise ModelError(
                f"{model.name}: gives {shapes} for a batch of {size}: the batch must be the first dimension"
            )


def run(
    model: Model, *, host: str = "127.0.0.1", port: int = 8000, limits: Limits | None = None,
    labels: Sequence[str] = (), stop_seconds: int = 30, access_log: bool = False,
    started: Callable[[str], None] | None = None,
) -> Service:  # fmt: skip
    """Serve a model over HTTP until the process gets SIGTERM or SIGINT.

    It then refuses new requests, answers those that wait, and returns. A second signal ends it at once.

    Args:
        model: what `open_model` gave.
        host, port: where to listen; port 0 takes a free one.
        limits: how much the server takes on.
        labels: names of the model's classes.
        stop_seconds: how long answering what waits may take.
        access_log: print a line per request on standard error.
        started: called with the server's address when it listens.

    Returns:
        What served, with its counters.

    Raises:
        ImportError: the extra ``serve`` is not installed.
        ModelError: the model does not run.
        OSError: the address cannot be had.

    Example:
        >>> import os, signal
        >>> from lucid import nn, serve
        >>> model = serve.open_model(nn.Linear(3, 2), shape=(3,))
        >>> stop = lambda address: os.kill(os.getpid(), signal.SIGINT)
        >>> service = serve.run(model, port=0, started=stop)  # until a signal comes
    """
    limits = limits or Limits()
    try:
        import uvicorn

        from lucid.serve._protocol import impatient
    except ImportError as error:
        raise ImportError(HINT) from error
    try:
        sizes = batch_sizes(limits.max_batch, model.sizes)
    except ValueError as error:
        raise ModelError(f"{model.name}: {error}") from None
    listening = listen(host, port)
    try:
        warm_up(model, sizes)
        app = make_app(model, limits=limits, labels=labels)
    except BaseException:
        listening.close()
        raise
    service: Service = app.state.service

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if started is not None:
                name, number = listening.getsockname()[:2]
                started(f"http://{f'[{name}]' if ':' in name else name}:{number}")

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            service.batcher.hurry()
            await super().shutdown(sockets)

        def handle_exit(self, sig: int, frame: Any) -> None:
            service.stopping = True
            super().handle_exit(sig, frame)

    config = uvicorn.Config(
        app, http=impatient(limits.read_seconds), ws="none", lifespan="off", access_log=access_log, server_header=False,
        log_level="info" if access_log else "error", timeout_graceful_shutdown=stop_seconds,
        limit_concurrency=CONNECTIONS,
    )  # fmt: skip
    try:
        with _signals_end_quietly(), _short_turns():
            Server(config).run(sockets=[listening])
    finally:
        service.batcher.close(stop_seconds)
        listening.close()
    return service


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
    )[0]
    # asyncio switches Nagle's algorithm off where it knows the protocol; with it, answers wait 40 ms for a delayed ACK
    made = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(1024)
    except BaseException:
        made.close()
        raise
    return made


@contextlib.contextmanager
def _short_turns() -> Iterator[None]:
    """Let the thread that runs the model have the interpreter soon after a run, not after 5 ms of reading requests."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextlib.contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """uvicorn raises the signals that stopped it again once it is done; here they have done their work."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.signal(each, lambda *_: None) for each in SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
