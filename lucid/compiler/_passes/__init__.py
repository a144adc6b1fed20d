"""What is done to a traced graph, one pass per file, in this order."""

from __future__ import annotations

from lucid.compiler._graph import Pass
from lucid.compiler._passes.dead import remove_dead
from lucid.compiler._passes.identity import remove_identities

PASSES: tuple[Pass, ...] = (remove_dead, remove_identities, remove_dead)
