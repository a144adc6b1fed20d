"""What a server counts, in the form that Prometheus reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence


class Metrics:
    """Counters of one server, in a registry of its own.

    Args:
        sizes: batch sizes, which become the buckets of their histogram.
        waiting: gives the number of samples in the queue.
    """

    def __init__(self, sizes: Sequence[int], waiting: Callable[[], int]) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter("lucid_requests", "Requests answered, by status.", ["status"], registry=registry)
        self._seconds = Histogram("lucid_request_seconds", "From a request's headers to its answer.", registry=registry)
        self._rows = Histogram("lucid_batch_rows", "Samples per batch.", buckets=list(sizes), registry=registry)
        self._run = Histogram("lucid_batch_seconds", "Time of the model for one batch.", registry=registry)
        Gauge("lucid_waiting_rows", "Samples in the queue.", registry=registry).set_function(waiting)

    def request(self, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests.labels(str(status)).inc()
        self._seconds.observe(seconds)

    def batch(self, rows: int, seconds: float) -> None:
        """Count a run of the model."""
        self._rows.observe(rows)
        self._run.observe(seconds)

    def text(self) -> bytes:
        """All of it."""
        from prometheus_client import generate_latest

        return generate_latest(self.registry)
