"""The next token by its scores."""

from __future__ import annotations

import numpy as np

import lucid

__all__ = ["Sampler"]


class Sampler:
    """Draws tokens from softmax(scores / temperature), cut to the likeliest.

    Args:
        temperature: divides the scores, positive.
        top_k: only the ``top_k`` tokens of the highest scores, and their equals, are kept.
        top_p: of these, only the likeliest whose probabilities sum up to ``top_p`` are kept, at least one.
        seed: of the draws; those of the global generator unless given.

    Raises:
        ValueError: a number is out of range.

    Source: Fan, Lewis, Dauphin (2018), Hierarchical Neural Story Generation (top k); Holtzman et al. (2020), The
    Curious Case of Neural Text Degeneration (top p).
    """

    def __init__(
        self, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None, seed: int | None = None
    ) -> None:
        if not temperature > 0:
            raise ValueError(f"generate: temperature must be positive, got {temperature}")
        if top_k is not None and top_k < 1:
            raise ValueError(f"generate: top_k must be at least 1, got {top_k}")
        if top_p is not None and not 0 < top_p <= 1:
            raise ValueError(f"generate: top_p must be above 0 and at most 1, got {top_p}")
        self.temperature, self.top_k, self.top_p = temperature, top_k, top_p
        self.generator = None if seed is None else lucid.Generator().manual_seed(seed)

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """(N, tokens) of float64, from scores of the same shape."""
        x = scores.astype(np.float64) / self.temperature
        if self.top_k is not None and self.top_k < x.shape[1]:
            least = np.partition(x, -self.top_k, axis=1)[:, -self.top_k, None]
            x = np.where(x < least, -np.inf, x)
        p = np.exp(x - x.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        if self.top_p is not None and self.top_p < 1:
            order = np.argsort(-p, axis=1, kind="stable")
            ranked = np.take_along_axis(p, order, 1)
            # A token stays if those before it have not yet reached top_p; the first always does.
            kept = np.where(np.cumsum(ranked, 1) - ranked < self.top_p, ranked, 0.0)
            np.put_along_axis(p, order, kept, 1)
            p /= p.sum(1, keepdims=True)
        return p

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """One token per row of scores (N, tokens)."""
        p = self.probabilities(scores)
        drawn = lucid.rand(len(p), 1, dtype=lucid.float64, generator=self.generator).numpy()
        steps = np.cumsum(p, 1)
        # The first token at which the sum passes the draw; never one of probability zero.
        return (steps <= drawn * steps[:, -1:]).sum(1)
