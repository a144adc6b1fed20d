"""uvicorn's HTTP protocol, for clients that do not finish what they begin."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


def impatient(seconds: float) -> type[HttpToolsProtocol]:
    """A protocol that ends connections on which no request begins for so many seconds.

    uvicorn ends connections without any data. Those that trickle in the head of a request, or the rest of one that was
    answered early, would stay for ever, and take the places of others.
    """

    class Protocol(HttpToolsProtocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.free_since = self.loop.time()
            self.watch = self.loop.call_later(seconds, self.look)

        def look(self) -> None:
            left = seconds
            if self.cycle is None or self.cycle.response_complete:
                left = self.free_since + seconds - self.loop.time()
            if left <= 0:
                self.transport.abort()  # close() would wait for a client that does not read its answer
            else:
                self.watch = self.loop.call_later(left, self.look)

        def on_response_complete(self) -> None:
            self.free_since = self.loop.time()
            super().on_response_complete()

        def connection_lost(self, exc: Exception | None) -> Any:
            self.watch.cancel()
            super().connection_lost(exc)

    return Protocol
