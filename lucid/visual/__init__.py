"""Pictures of models and graphs: `draw`."""

from __future__ import annotations

from lucid.visual._draw import draw

__all__ = ["draw"]
