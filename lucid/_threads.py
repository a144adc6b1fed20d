"""How many threads a call may use: the default and its reason, what the user sets, and forked children.

The number belongs to the process: every Python thread sees it. It is an upper limit; a call on little data uses
fewer. The default, taken once on import, is the smallest of the CPUs this process may run on, the CPU time its
control groups grant it, ``OMP_NUM_THREADS`` and ``LUCID_NUM_THREADS``.

A forked child starts with one thread, since it usually is one of many, and may ask for more. Where threads are those of
an OpenMP runtime (see ``_kernels/team.pxi``) it stays on one: the others do not exist in it, and some runtimes would
wait for them for ever. Processes started by ``spawn`` or ``subprocess`` begin afresh and are not affected.
"""

from __future__ import annotations

import math
import operator
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from lucid import _ops
from lucid._cgroup import cpu_quota

# OpenMP runtimes end the process when the system refuses them a thread, so absurd numbers are refused here.
MAX_THREADS = 1024


class Limit(NamedTuple):
    """A number of threads and where it comes from."""

    threads: int
    reason: str

    def __str__(self) -> str:
        return f"{self.threads}: {self.reason}"


def default_limit(cpus: Limit, quota: float | None, environ: Mapping[str, str]) -> tuple[Limit, list[str]]:
    """The smallest of all limits, and one line for each environment variable that could not be understood.

    Args:
        cpus: CPUs this process may run on.
        quota: CPU time per second it is granted, in CPUs, or None. Rounded up: with 1.5 CPUs one thread would
            leave a third of the time unused, while two use all of it and pause at the end of each period.
        environ: where ``OMP_NUM_THREADS`` (a list holds one number per nesting level; the first counts) and
            ``LUCID_NUM_THREADS`` are looked up.
    """
    limits, problems = [cpus], []
    if quota is not None:
        limits.append(Limit(max(1, math.ceil(quota)), f"cgroup CPU quota of {quota:g}"))
    for name in ("OMP_NUM_THREADS", "LUCID_NUM_THREADS"):
        text = environ.get(name, "").strip()
        if not text:
            continue
        first = text.partition(",")[0].strip() if name == "OMP_NUM_THREADS" else text
        if first.isascii() and first.isdigit() and int(first) >= 1:
            limits.append(Limit(int(first), name))
        else:
            problems.append(f"{name}={text!r} ignored: expected an integer >= 1")
    return min(limits, key=lambda limit: limit.threads), problems


def available_cpus() -> Limit:
    """CPUs this process may be scheduled on."""
    if hasattr(os, "sched_getaffinity"):
        return Limit(len(os.sched_getaffinity(0)), "CPU affinity")
    return Limit(os.cpu_count() or 1, "CPU count")


def get_num_threads() -> int:
    """The number of threads a call may use.

    >>> import lucid
    >>> lucid.get_num_threads() >= 1
    True
    """
    return _ops.get_num_threads()


def set_num_threads(n: int) -> None:
    """Let every later call in this process use up to ``n`` threads.

    Args:
        n: 1 to 1024. More than the CPUs available is allowed and slow.

    Raises:
        ValueError: ``n`` is not such an integer.

    In a build without OpenMP, and in a forked child of one whose threads are those of an OpenMP runtime, the number
    stays 1; asking for more warns, once.

    >>> import lucid
    >>> lucid.set_num_threads(1)
    >>> lucid.get_num_threads()
    1
    """
    _request("set_num_threads", n, stacklevel=3)


@contextmanager
def num_threads(n: int) -> Iterator[None]:
    """Let calls in the ``with`` block use up to ``n`` threads, and restore the previous number after it.

    The number belongs to the process, so the block also changes it for other Python threads.

    Args:
        n: as for `set_num_threads`.

    Raises:
        ValueError: ``n`` is not such an integer.

    >>> import lucid
    >>> with lucid.num_threads(1):
    ...     lucid.get_num_threads()
    1
    """
    previous = current_limit()
    _request("num_threads", n, stacklevel=4)  # contextlib is in between
    try:
        yield
    finally:
        _apply(previous)


def current_limit() -> Limit:
    """The number in force and where it comes from."""
    return Limit(_ops.get_num_threads(), _reason)


_reason = ""
_single_threaded = "" if _ops.build_info()["openmp"] else "built without OpenMP"  # why more than 1 is impossible
_warned = False


def _request(function: str, n: int, stacklevel: int) -> None:
    """Check ``n`` on behalf of ``function``, whose caller is ``stacklevel`` frames from a warning here; apply it."""
    global _warned
    try:
        count = 0 if isinstance(n, bool) else operator.index(n)
    except TypeError:
        count = 0
    if not 1 <= count <= MAX_THREADS:
        raise ValueError(f"{function}: expected an integer from 1 to {MAX_THREADS}, got {n!r}")
    if count > 1 and _single_threaded and not _warned:
        _warned = True
        warnings.warn(f"{function}({count}): staying on one thread: {_single_threaded}", RuntimeWarning, stacklevel)
    _apply(Limit(count, function))


def _apply(limit: Limit) -> None:
    global _reason
    if _single_threaded:
        limit = Limit(1, _single_threaded)
    _ops.set_num_threads(limit.threads)
    _reason = limit.reason


def _after_fork_in_child() -> None:
    global _single_threaded, _warned
    if not _ops.build_info()["own_threads"]:
        _single_threaded = "forked process"
    _warned = False
    _apply(Limit(1, "forked process"))


def _start() -> None:
    """Apply the default, and start forked children with one thread from now on."""
    limit, problems = default_limit(available_cpus(), cpu_quota(), os.environ)
    for problem in problems:
        # The user's environment is at fault, not a line of code, so none is shown.
        warnings.warn_explicit(problem, RuntimeWarning, filename="lucid", lineno=0)
    _apply(limit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork_in_child)


_start()
