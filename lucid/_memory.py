"""The pool that large results come from, and what denormal numbers cost.

Results of 64 KB and more, and the working memory of matrix products and convolutions, come from a pool that belongs to
the process: memory that was used before costs no page faults. The pool holds at most a quarter more than the process
ever had in use at once, plus 64 MB; beyond that, what was free longest goes back to the system.
"""

from __future__ import annotations

from lucid import _ops
from lucid._printing import shown


def memory_stats() -> dict[str, int]:
    """What the pool of large results holds, in bytes, and how often it could serve a request.

    Returns:
        A dict of

        - ``in_use``: bytes of living tensors, and of working memory while an operation runs;
        - ``cached``: bytes kept for reuse;
        - ``peak``: the most bytes that were in use at once since the start, or since `release_memory`;
        - ``limit``: ``in_use + cached`` stays below it, unless ``in_use`` alone does not: 1.25 * ``peak`` + 64 MB;
        - ``hits`` and ``misses``: requests served from the cache, and by the system.

        Tensors below 64 KB and memory of NumPy arrays are not counted.

    >>> import lucid
    >>> x = lucid.zeros(1024, 1024)
    >>> lucid.memory_stats()["in_use"] >= x.numel() * x.element_size()
    True
    """
    return _ops.memory_stats()


def release_memory() -> int:
    """Give the memory kept for reuse back to the system, for example after the largest model of a long process.

    Later operations pay for fresh memory again, once. Memory of living tensors is not touched; the peak in
    `memory_stats`, and with it the limit, starts again from what is in use.

    Returns:
        The number of bytes given back.

    >>> import lucid
    >>> x = lucid.zeros(1024, 1024)
    >>> del x
    >>> lucid.release_memory() >= 1024 * 1024 * 4
    True
    >>> lucid.memory_stats()["cached"]
    0
    """
    return _ops.release_memory()


def set_flush_denormal(mode: bool) -> bool:
    """Treat denormal numbers as zero inside lucid's kernels, on all their threads, or compute with them exactly.

    Denormals, magnitudes below 1.18e-38 in float32 and 2.2e-308 in float64, slow some CPUs' arithmetic down many times.
    By default they are exact. The setting belongs to the process; NumPy, other libraries and the user's own threads
    keep theirs, since each operation restores its caller's floating-point control.

    Args:
        mode: True to flush denormal inputs and results to zero.

    Returns:
        Whether this build can: True on x86-64 and, built by GCC or Clang, 64-bit ARM.

    Raises:
        TypeError: ``mode`` is no bool.

    Example:
        >>> import lucid
        >>> possible = lucid.set_flush_denormal(True)
        >>> (lucid.tensor([1e-40]) * 1).item() == 0 or not possible
        True
        >>> possible = lucid.set_flush_denormal(False)
        >>> (lucid.tensor([1e-40]) * 1).item() == 0
        False

    Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, section 10.2.3 (MXCSR: FTZ, DAZ);
    Arm Architecture Reference Manual for A-profile architecture, FPCR (FZ).
    """
    if not isinstance(mode, bool):
        raise TypeError(f"set_flush_denormal: expected True or False, got {shown(mode)}")
    return _ops.set_flush_denormal(mode)
