"""Messages between a loader and one worker: pickles over a socket pair, with array memory beside the pickle.

Sockets rather than shared memory: a batch arrives in ordinary memory that the tensor owns, so nothing can leak when
a process is killed, there is no limit from /dev/shm or from open files, and a copy through a socket pair runs at
gigabytes per second. Each worker has a pair of its own, so a worker killed in the middle of a message takes no lock
and no other worker's data with it.
"""

from __future__ import annotations

import contextlib
import pickle
import socket
import struct
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

POLL = 0.5  # seconds between looks at whether the other side is alive

_HEAD = struct.Struct("<QQ")  # length of the pickle, number of buffers

# The ends held by the loaders of this process. A forked worker inherits copies; it closes them, so that a connection
# ends when the process that uses it does.
_loader_ends: weakref.WeakSet[socket.socket] = weakref.WeakSet()

Frames = list[Any]


def encode(message: Any, copy: bool = False) -> Frames:
    """The parts of a message in the order they are sent; array memory is referred to unless ``copy``."""
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    views = [buffer.raw() for buffer in buffers]
    head = _HEAD.pack(len(body), len(views)) + struct.pack(f"<{len(views)}Q", *(view.nbytes for view in views))
    return [head + body, *(bytes(view) if copy else view for view in views)]


def decode(frames: Frames) -> Any:
    """The message; its arrays own fresh, writable memory."""
    body, *buffers = frames
    return pickle.loads(body, buffers=buffers)


class Channel:
    """One end of the connection.

    ``idle`` is called about every `POLL` seconds while a transfer makes no progress, and ends it by raising.
    """

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self.socket.settimeout(POLL)

    def send(self, frames: Frames, idle: Callable[[], None]) -> None:
        """Send a message.

        Raises:
            EOFError: the other side is gone.
        """
        for frame in frames:
            view = memoryview(frame)
            while view.nbytes:
                try:
                    view = view[self.socket.send(view) :]
                except TimeoutError:
                    idle()
                except (ConnectionError, OSError) as error:
                    raise EOFError(str(error)) from None

    def receive(self, idle: Callable[[], None]) -> Frames:
        """Wait for a message.

        Raises:
            EOFError: the other side is gone.
        """
        length, count = _HEAD.unpack(self._read(_HEAD.size, idle))
        sizes = struct.unpack(f"<{count}Q", self._read(8 * count, idle))
        return [self._read(length, idle), *(self._read(size, idle) for size in sizes)]

    def _read(self, size: int, idle: Callable[[], None]) -> Any:
        buffer: np.ndarray = np.empty(size, np.uint8)
        view = buffer.data
        while view.nbytes:
            try:
                count = self.socket.recv_into(view)
            except TimeoutError:
                idle()
                continue
            except (ConnectionError, OSError) as error:
                raise EOFError(str(error)) from None
            if count == 0:
                raise EOFError("connection closed")
            view = view[count:]
        return buffer

    def close(self) -> None:
        """End the connection for both sides, whoever else holds a copy of this end."""
        with contextlib.suppress(OSError):  # the other side was first
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def open_pair() -> tuple[Channel, socket.socket]:
    """A loader's channel and the socket to hand to its worker."""
    loader_end, worker_end = socket.socketpair()
    _loader_ends.add(loader_end)
    return Channel(loader_end), worker_end


def close_loader_ends() -> None:
    """Close this process's copies of the ends that belong to loaders; called in workers."""
    for end in list(_loader_ends):
        end.close()
    _loader_ends.clear()
