"""Profiles: what ran, how often, within what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import lucid
from lucid import nn
from lucid.autograd._node import mode
from lucid.profiler import (
    ProfilerAction,
    ProfilerActivity,
    profile,
    record_function,
    schedule,
    tensorboard_trace_handler,
)


def train(x: lucid.Tensor, model: nn.Module) -> None:
    with record_function("forward"):
        y = model(x)
    y.sum().backward()


def test_calls_shapes_memory_and_times() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True, profile_memory=True, with_stack=True) as p:
        train(lucid.ones(3, 4), model)
    found = {e.key: e for e in p.key_averages()}
    assert found["linear"].count == 2 and found["LinearBackward"].count == 2 and found["re_lu"].count == 1
    assert found["linear"].cpu_memory_usage == 4 * 3 * (8 + 2)
    first = next(e for e in p.events() if e.key == "linear")
    assert first.input_shapes == [[3, 4], [8, 4], [8]] and "test_profiler.py" in first.stack[0]
    forward = found["forward"]
    assert forward.user and forward.cpu_time_total > found["linear"].cpu_time_total
    inside = sum(found[k].cpu_time_total for k in ("linear", "re_lu"))
    assert forward.self_cpu_time_total == pytest.approx(forward.cpu_time_total - inside)
    grouped = [e for e in p.key_averages(group_by_input_shape=True) if e.key == "linear"]
    assert len(grouped) == 2
    table = p.key_averages().table(sort_by="self_cpu_time_total", row_limit=2)
    assert len(table.splitlines()) == 7 and "Self CPU time total: " in table
    with pytest.raises(ValueError, match="^table: sort_by must be one of cpu_time_total, .*, got 'speed'$"):
        p.key_averages().table(sort_by="speed")


def test_chrome_trace(tmp_path: Path) -> None:
    with profile(on_trace_ready=tensorboard_trace_handler(str(tmp_path / "runs"), "me")) as p:
        lucid.ones(2).exp()
    p.export_chrome_trace(str(tmp_path / "trace.json"))
    (event,) = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert event["name"] == "exp" and event["ph"] == "X" and event["dur"] > 0
    (written,) = (tmp_path / "runs").iterdir()
    assert written.name.startswith("me.") and written.name.endswith(".pt.trace.json")


def test_schedule() -> None:
    actions = [schedule(wait=1, warmup=1, active=2, repeat=1, skip_first=1)(i).name for i in range(7)]
    assert actions == ["NONE", "NONE", "WARMUP", "RECORD", "RECORD_AND_SAVE", "NONE", "NONE"]
    ready: list[Any] = []
    plan = schedule(wait=1, warmup=0, active=2)
    with profile(schedule=plan, on_trace_ready=lambda p: ready.append([e.key for e in p.events()])) as p:
        for _ in range(6):
            lucid.ones(2).exp()
            p.step()
    assert ready == [["exp", "exp"], ["exp", "exp"]] and plan(0) is ProfilerAction.NONE
    with pytest.raises(ValueError, match="^schedule: expected wait, warmup, .* and 0$"):
        schedule(wait=1, warmup=1, active=0)


def test_nothing_is_recorded_outside() -> None:
    with profile() as p:
        assert mode.trace == -1
    lucid.ones(2).exp()

    @record_function("f")
    def f() -> int:
        return 1

    assert f() == 1 and p.events() == [] and mode.trace == 0
    with pytest.raises(TypeError, match="^profile: expected ProfilerActivity.CPU in activities, got 'gpu'$"):
        profile(activities=["gpu"])  # type: ignore[list-item]
