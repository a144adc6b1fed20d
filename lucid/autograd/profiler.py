"""The former place of `lucid.profiler`."""

from __future__ import annotations

from lucid.profiler import EventList, profile, record_function

__all__ = ["EventList", "profile", "record_function"]
