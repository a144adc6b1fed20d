"""The CPU time that Linux control groups (version 1 and 2) grant this process."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator

Folder = str | os.PathLike[str]  # pathlib would take a tenth of lucid's import


def cpu_quota(root: Folder = "/") -> float | None:
    """CPUs' worth of time per second this process may use, or None without a limit.

    A limit set on any group above the process's own binds it too, so the smallest on the way up counts.

    Args:
        root: folder that holds ``proc`` and the control group mounts; another one than ``/`` in tests.

    Source: Linux kernel documentation, ``admin-guide/cgroup-v2.rst`` and ``scheduler/sched-bwc.rst``.
    """
    return min((q for folder in _group_folders(root) if (q := _folder_quota(folder)) is not None), default=None)


def _read(*path: Folder) -> str:
    # Names are bytes to the kernel, hence surrogateescape.
    with open(os.path.join(*path), errors="surrogateescape") as file:
        return file.read()


def _group_folders(root: Folder) -> Iterator[str]:
    """The folder of each group that may limit the CPU, from the process's own up to the top of its mount."""
    try:
        groups, mounts = _read(root, "proc/self/cgroup"), _read(root, "proc/self/mountinfo")
    except OSError:
        return
    for line in groups.splitlines():
        number, controllers, group = line.split(":", 2)
        if number == "0" and not controllers:
            filesystem, option = "cgroup2", None
        elif "cpu" in controllers.split(","):
            filesystem, option = "cgroup", "cpu"
        else:
            continue
        for mounted, mount_point in _mounts(mounts, filesystem, option):
            folder = os.path.join(root, mount_point.lstrip("/"))
            folders = [folder := os.path.join(folder, part) for part in _below(group, mounted)]
            yield from [*reversed(folders), os.path.join(root, mount_point.lstrip("/"))]


def _mounts(mountinfo: str, filesystem: str, option: str | None) -> Iterator[tuple[str, str]]:
    """(the group mounted, where) for each mount of ``filesystem``; format: proc_pid_mountinfo(5)."""
    for line in mountinfo.splitlines():
        fields, _, tail = line.partition(" - ")
        kind, _, options = tail.split(" ", 2)
        if kind == filesystem and (option is None or option in options.split(",")):
            mounted, mount_point = fields.split(" ")[3:5]
            yield _unescaped(mounted), _unescaped(mount_point)


def _below(group: str, mounted: str) -> list[str]:
    """The folders of ``group`` below the group a mount shows; none when the group lies outside it."""
    parts, top = ([p for p in posixpath.normpath(path).split("/") if p] for path in (group, mounted))
    if ".." in group.split("/") or parts[: len(top)] != top:
        return []
    return parts[len(top) :]


def _unescaped(field: str) -> str:
    r"""``field`` of mountinfo with ``\040`` and the like turned back into characters."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)


def _folder_quota(folder: str) -> float | None:
    """The limit one group sets, in CPUs: cpu.max (version 2), or cfs_quota_us over cfs_period_us (version 1)."""
    for names in (["cpu.max"], ["cpu.cfs_quota_us", "cpu.cfs_period_us"]):
        try:
            quota, period = " ".join(_read(folder, name) for name in names).split()
            if quota != "max" and int(quota) > 0:
                return int(quota) / int(period)
        except (OSError, ValueError):  # the group has no such file, or one in a format of neither version
            continue
    return None
