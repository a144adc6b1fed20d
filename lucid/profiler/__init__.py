"""Where the time and the memory of a program go: `profile`, in PyTorch's form."""

from __future__ import annotations

from lucid.profiler._average import EventList, FunctionEvent
from lucid.profiler._profile import (
    ProfilerAction,
    ProfilerActivity,
    profile,
    record_function,
    schedule,
    tensorboard_trace_handler,
)

__all__ = [
    "EventList",
    "FunctionEvent",
    "ProfilerAction",
    "ProfilerActivity",
    "profile",
    "record_function",
    "schedule",
    "tensorboard_trace_handler",
]
