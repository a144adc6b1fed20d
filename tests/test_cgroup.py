"""What control groups grant, read from files as the kernel shows them, under a fake root."""

from __future__ import annotations

from pathlib import Path

import pytest

from lucid._cgroup import cpu_quota

V2_MOUNT = "41 31 0:38 {root} {point} rw,relatime shared:9 - cgroup2 cgroup2 rw"
V1_MOUNT = "32 31 0:29 {root} {point} rw,relatime - cgroup cgroup rw,{options}"


def fake_root(folder: Path, groups: str, mounts: list[str], files: dict[str, str]) -> Path:
    for name, text in {"proc/self/cgroup": groups, "proc/self/mountinfo": "\n".join(mounts), **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return folder


def v2_mount(root: str = "/", point: str = "/sys/fs/cgroup") -> str:
    return V2_MOUNT.format(root=root, point=point)


def v1_mount(root: str = "/", point: str = "/sys/fs/cgroup/cpu", options: str = "cpu") -> str:
    return V1_MOUNT.format(root=root, point=point, options=options)


def test_v2_in_a_container_with_its_own_namespace(tmp_path: Path) -> None:
    root = fake_root(tmp_path, "0::/", [v2_mount()], {"sys/fs/cgroup/cpu.max": "150000 100000"})
    assert cpu_quota(root) == 1.5


@pytest.mark.parametrize(("inner", "outer", "quota"), [("max", "200000", 2.0), ("100000", "400000", 1.0)])
def test_v2_takes_the_smallest_limit_on_the_way_up(tmp_path: Path, inner: str, outer: str, quota: float) -> None:
    files = {
        "sys/fs/cgroup/a.slice/job/cpu.max": f"{inner} 100000",
        "sys/fs/cgroup/a.slice/cpu.max": f"{outer} 100000",
        "sys/fs/cgroup/b.slice/cpu.max": "10000 100000",
        "sys/fs/cgroup/cpu.stat": "usage_usec 0",
    }
    assert cpu_quota(fake_root(tmp_path, "0::/a.slice/job", [v2_mount()], files)) == quota


def test_v2_group_shown_from_a_mount_of_itself(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/cpu.max": "300000 100000", "sys/fs/cgroup/leaf/cpu.max": "max 100000"}
    root = fake_root(tmp_path, "0::/docker/1f/leaf", [v2_mount(root="/docker/1f")], files)
    assert cpu_quota(root) == 3.0


@pytest.mark.parametrize("group", ["/elsewhere", "/../sibling"])
def test_a_group_outside_the_mount_falls_back_to_the_mount(tmp_path: Path, group: str) -> None:
    files = {"sys/fs/cgroup/cpu.max": "250000 100000", "sys/fs/sibling/cpu.max": "50000 100000"}
    assert cpu_quota(fake_root(tmp_path, f"0::{group}", [v2_mount(root="/docker/1f")], files)) == 2.5


def test_v1(tmp_path: Path) -> None:
    point = "/sys/fs/cgroup/cpu,cpuacct"
    files = {
        f"{point[1:]}/job/cpu.cfs_quota_us": "-1",
        f"{point[1:]}/job/cpu.cfs_period_us": "100000",
        f"{point[1:]}/cpu.cfs_quota_us": "25000",
        f"{point[1:]}/cpu.cfs_period_us": "50000",
    }
    groups = "5:cpuset:/\n4:cpu,cpuacct:/kubepods/pod7/job\n1:name=systemd:/"
    mounts = [
        v1_mount(point="/sys/fs/cgroup/cpuset", options="cpuset"),
        v1_mount(root="/kubepods/pod7", point=point, options="cpu,cpuacct"),
    ]
    assert cpu_quota(fake_root(tmp_path, groups, mounts, files)) == 0.5


def test_hybrid_hierarchies_count_both(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "400000",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
        "sys/fs/cgroup/unified/x/cpu.max": "200000 100000",
    }
    mounts = [v1_mount(), v2_mount(point="/sys/fs/cgroup/unified")]
    assert cpu_quota(fake_root(tmp_path, "1:cpu:/\n0::/x", mounts, files)) == 2.0


def test_escaped_mount_point(tmp_path: Path) -> None:
    root = fake_root(tmp_path, "0::/", [v2_mount(point=r"/my\040groups")], {"my groups/cpu.max": "200000 100000"})
    assert cpu_quota(root) == 2.0


@pytest.mark.parametrize("content", ["max 100000", "", "fast 100000", "100000", "0 100000", "100000 0x"])
def test_no_limit_and_unknown_formats(tmp_path: Path, content: str) -> None:
    assert cpu_quota(fake_root(tmp_path, "0::/", [v2_mount()], {"sys/fs/cgroup/cpu.max": content})) is None


def test_no_control_groups(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) is None
