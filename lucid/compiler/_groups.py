"""Which neighbouring steps of a segment run a few samples at a time, so that what lies between them stays in caches.

With all samples at once every step writes the whole batch to memory before the next one reads it. A group takes some
samples through several steps, as one task of a thread. Each task reads the weights of the group again, so a group is
worth it where images are larger than weights. No bit depends on how the samples are shared out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lucid.compiler._recipe import CONSTANT, Emitted, Recipe

SMALL = 1 << 16
"""Bytes of weights that are never too many, and of images that are never worth a group."""

LARGE = 1 << 20
"""Bytes of images of a whole batch from which a group is worth it: a core's second-level cache."""

MOST_SAMPLES = 4
"""Of a task."""

IMAGES = {"conv2d", "max_pool2d", "avg_pool2d", "global_avg_pool", "scale_channels", "to_blocked", "to_plain",
          "low_conv2d", "low_stem", "low_depthwise", "low_global_pool", "convert"}  # fmt: skip
"""Steps over ``n`` samples."""

CONSTANTS = {"conv2d": {2}, "low_conv2d": {2, 4}, "low_stem": {2, 3}, "low_depthwise": {2, 4}}
"""Which of their buffers are the same for all samples."""

FLAT = {"add", "mul", "combine", "activation", "affine"}
"""Steps over ``size`` numbers, number by number."""


@dataclass(eq=False)
class Group:
    """Steps ``first`` to ``end`` of a recipe, in ``tasks`` tasks of ``samples`` samples each.

    ``nbytes``: memory that each thread has for what lies between its steps.
    """

    first: int
    end: int
    tasks: int
    samples: int
    nbytes: int = 0


def find_groups(recipe: Recipe, threads: int) -> list[Group]:
    """The groups, of at least two steps each, for so many threads."""
    found: list[Group] = []
    steps, first = recipe.steps, 0
    while first < len(steps):
        n, end, samples, largest = batch(steps[first]), first, 0, 0
        while n > 1 and end < len(steps) and can_part(steps[end], n):
            wanted, nbytes = samples_of(steps[end], recipe, n)
            if wanted > MOST_SAMPLES or (samples and wanted and samples != wanted):
                break
            samples, largest, end = samples or wanted, max(largest, nbytes), end + 1
        samples = samples or 1
        if end - first > 1 and largest * n >= LARGE and shared_evenly(n, samples, threads):
            found.append(Group(first, end, n // samples, samples))
        first = max(end, first + 1)
    return found


def batch(step: Emitted) -> int:
    """The samples of a step over images; 0 for others, which begin no group."""
    return step.options["n"] if step.method in IMAGES else 0


def can_part(step: Emitted, n: int) -> bool:
    """Whether a part of the step's operands gives the same part of its result."""
    constants = CONSTANTS.get(step.method, set())
    if step.method in FLAT:
        row = step.options.get("row", 0)
        if step.options["size"] % n or (row and step.options["size"] // n % row):
            return False
        constants = {1} if row else set()
    elif batch(step) != n:
        return False
    for i, b in enumerate(step.buffers):
        if b is not None and (b.nbytes % n if b.kind != CONSTANT else i not in constants):
            return False
    return step.method not in FLAT or not step.options.get("row") or step.buffers[1].kind == CONSTANT


def samples_of(step: Emitted, recipe: Recipe, n: int) -> tuple[int, int]:
    """How many samples are worth reading the weights once more, 0 for any number; and bytes of images of one."""
    images = sum(b.nbytes for b in dict.fromkeys(step.used()) if b.kind != CONSTANT) // n
    weights = recipe.packed[step.packed].data.nbytes if step.packed >= 0 else 0
    if weights <= SMALL:
        return (1 if images > SMALL else 0), images
    needed = -(-2 * weights // max(images, 1))
    return 1 << (needed - 1).bit_length(), images


def shared_evenly(n: int, samples: int, threads: int) -> bool:
    """Whether tasks of so many samples keep the threads busy."""
    tasks = n // samples
    return n % samples == 0 and tasks >= threads and -(-tasks // threads) * threads <= 1.15 * tasks


def options_of(step: Emitted, group: Group) -> dict[str, Any]:
    """Those of a step for one task."""
    if step.method in FLAT:
        return {**step.options, "size": step.options["size"] // group.tasks}
    return {**step.options, "n": group.samples}
