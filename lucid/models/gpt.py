"""Transformer decoders for language: Radford et al. (2019)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

import lucid
from lucid import Tensor, nn
from lucid.models._pretrained import Config, Pretrained, configured, rename
from lucid.models._registry import About, variant
from lucid.models._sampling import Sampler
from lucid.models.bert import ACTIVATIONS
from lucid.nn import functional as F
from lucid.nn.modules._layers import check_layers


@dataclasses.dataclass(frozen=True)
class GPT2Config(Config):
    """Settings of GPT-2, by default those of the smallest model, under Hugging Face's names.

    Attributes:
        vocab_size: number of different tokens.
        n_positions: the most tokens of an input.
        n_embd, n_layer, n_head: channels, layers, heads.
        n_inner: hidden units of the perceptrons; four times ``n_embd`` unless given.
        activation_function: "gelu_new" (GELU in its form with tanh), "gelu" or "relu".
        resid_pdrop, embd_pdrop, attn_pdrop: probabilities of dropout on branches, embeddings and attention.
        layer_norm_epsilon: of the normalisations.
        initializer_range: standard deviation of random weights.
        eos_token_id: token that ends a text.

    Raises:
        ValueError: ``activation_function`` is unknown, or the heads do not divide ``n_embd``.

    Example:
        >>> import lucid
        >>> lucid.models.GPT2Config(n_layer=6).n_embd
        768

    Source: Radford et al., Language models are unsupervised multitask learners, 2019.
    """

    REFUSED: ClassVar[dict[str, Any]] = {
        "scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False, "reorder_and_upcast_attn": False,
        "add_cross_attention": False,
    }  # fmt: skip

    vocab_size: int = 50257
    n_positions: int = 1024
    n_embd: int = 768
    n_layer: int = 12
    n_head: int = 12
    n_inner: int | None = None
    activation_function: str = "gelu_new"
    resid_pdrop: float = 0.1
    embd_pdrop: float = 0.1
    attn_pdrop: float = 0.1
    layer_norm_epsilon: float = 1e-5
    initializer_range: float = 0.02
    eos_token_id: int | None = 50256

    def __post_init__(self) -> None:
        check_layers("GPT2Config", "n_layer", self.n_layer)
        if self.activation_function not in ACTIVATIONS:
            known = ", ".join(ACTIVATIONS)
            raise ValueError(
                f"GPT2Config: activation_function must be one of {known}, got {self.activation_function!r}"
            )
        if self.n_head < 1:
            raise ValueError(f"GPT2Config: n_head must be positive, got {self.n_head}")
        if self.n_embd % self.n_head:
            raise ValueError(f"GPT2Config: n_embd {self.n_embd} is not a multiple of n_head {self.n_head}")


class Conv1D(nn.Module):
    """Linear layer whose weight is (inputs, outputs), as GPT-2's files have it."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(lucid.empty(inputs, outputs))
        self.bias = nn.Parameter(lucid.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.t(), self.bias)


class GPT2Attention(nn.Module):
    """Attention of every token to itself and those before it."""

    def __init__(self, c: GPT2Config, index: int) -> None:
        super().__init__()
        self.heads, self.index = c.n_head, index
        self.c_attn = Conv1D(c.n_embd, 3 * c.n_embd)
        self.c_proj = Conv1D(c.n_embd, c.n_embd)
        self.attn_dropout, self.resid_dropout = nn.Dropout(c.attn_pdrop), nn.Dropout(c.resid_pdrop)

    def forward(self, x: Tensor, mask: Tensor | None, cache: nn.KVCache | None) -> Tensor:
        n, length, channels = x.shape
        y = self.c_attn(x).reshape(n, length, 3, self.heads, channels // self.heads)
        q, k, v = y.permute(2, 0, 3, 1, 4).unbind(0)
        if cache is not None:
            k, v = cache.update(k, v, self.index)
        drop = self.attn_dropout.p if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, mask, drop, is_causal=mask is None and length > 1)
        return self.resid_dropout(self.c_proj(y.transpose(1, 2).reshape(n, length, channels)))


class GPT2MLP(nn.Module):
    """A perceptron with one hidden layer."""

    def __init__(self, c: GPT2Config) -> None:
        super().__init__()
        hidden = c.n_inner or 4 * c.n_embd
        self.c_fc, self.c_proj = Conv1D(c.n_embd, hidden), Conv1D(hidden, c.n_embd)
        self.act = ACTIVATIONS[c.activation_function]()
        self.dropout = nn.Dropout(c.resid_pdrop)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.c_proj(self.act(self.c_fc(x))))


class GPT2Block(nn.Module):
    """Attention and a perceptron, each after a normalisation and beside a shortcut."""

    def __init__(self, c: GPT2Config, index: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(c.n_embd, eps=c.layer_norm_epsilon)
        self.attn = GPT2Attention(c, index)
        self.ln_2 = nn.LayerNorm(c.n_embd, eps=c.layer_norm_epsilon)
        self.mlp = GPT2MLP(c)

    def forward(self, x: Tensor, mask: Tensor | None, cache: nn.KVCache | None) -> Tensor:
        x = x + self.attn(self.ln_1(x), mask, cache)
        return x + self.mlp(self.ln_2(x))


def _causal(length: int, held: int, attention_mask: Tensor | None) -> Tensor | None:
    """Which of ``held + length`` tokens each of the last ``length`` looks at; None where that needs no mask."""
    if attention_mask is None and (not held or length == 1):
        return None
    tokens = np.arange(held + length)
    causal = lucid.from_numpy(tokens <= tokens[held:, None])
    return causal if attention_mask is None else causal & (attention_mask != 0)[:, None, None]


class GPT2Model(Pretrained):
    """GPT-2 without the scores of tokens.

    `load_state_dict` also takes files of `GPT2LMHeadModel`.

    Args:
        config: the settings.

    Shape:
        input_ids: (N, T), integers below ``vocab_size``.
        attention_mask: (N, held + T), nonzero for the tokens to look at; all of them unless given.
        position_ids: (N, T) or (T,); held to held + T - 1 unless given.
        cache: keys and values of ``held`` tokens that came before; those of the input are added to it.

    Returns:
        (N, T, n_embd).

    Raises:
        ValueError: an input has another shape, or there are more tokens than positions.

    Example:
        >>> import lucid
        >>> from lucid.models import GPT2Config, GPT2Model
        >>> model = GPT2Model(GPT2Config(n_embd=32, n_layer=2, n_head=2)).eval()
        >>> model(lucid.tensor([[464, 3290]])).shape
        lucid.Size([1, 2, 32])

    Source: Radford, Wu, Child, Luan, Amodei, Sutskever (2019), Language Models are Unsupervised Multitask Learners.
    """

    Config = GPT2Config

    def __init__(self, config: GPT2Config) -> None:
        super().__init__(config)
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.n_positions, config.n_embd)
        self.drop = nn.Dropout(config.embd_pdrop)
        self.h = nn.ModuleList([GPT2Block(config, i) for i in range(config.n_layer)])
        self.ln_f = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                # Branches add up, so the last layer of each starts smaller the more there are.
                narrow = (2 * config.n_layer) ** -0.5 if name.endswith("c_proj.weight") else 1.0
                nn.init.normal_(parameter, std=config.initializer_range * narrow)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, position_ids: Tensor | None = None,
        cache: nn.KVCache | None = None,
    ) -> Tensor:  # fmt: skip
        held = cache.get_seq_length() if cache is not None else 0
        if input_ids.ndim != 2 or not input_ids.shape[1]:
            raise ValueError(f"expected input_ids of shape (N, T), got {tuple(input_ids.shape)}")
        n, length = input_ids.shape
        if held + length > self.config.n_positions:
            raise ValueError(f"expected at most {self.config.n_positions} tokens, got {held + length}")
        if attention_mask is not None and tuple(attention_mask.shape) != (n, held + length):
            raise ValueError(
                f"expected attention_mask of shape {(n, held + length)}, got {tuple(attention_mask.shape)}"
            )
        place = self.wpe.weight[held : held + length] if position_ids is None else self.wpe(position_ids)
        x = self.drop(self.wte(input_ids) + place)
        mask = _causal(length, held, attention_mask)
        for block in self.h:
            x = block(x, mask, cache)
        return self.ln_f(x)

    def _upgrade_state(self, state: dict[str, Any], prefix: str, version: int | None) -> None:
        def own(name: str) -> str | None:
            return None if name.endswith((".attn.bias", ".attn.masked_bias")) else name  # of masks, in older files

        rename(state, prefix, own)
        if not prefix and any(key.startswith("transformer.") for key in state):
            outer = "transformer."
            rename(state, "", lambda name: name.removeprefix(outer) if name.startswith(outer) else None)


class GPT2LMHeadModel(Pretrained):
    """GPT-2 that scores every token of the vocabulary as the next.

    The scores use the embedding of the tokens as weights. `load_state_dict` also takes files of `GPT2Model`, which the
    published ones are.

    Args:
        config: the settings.

    Shape:
        The inputs are those of `GPT2Model`.

    Returns:
        (N, T, vocab_size), logits.

    Example:
        >>> import lucid
        >>> from lucid.models import GPT2Config, GPT2LMHeadModel
        >>> model = GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=2, n_head=2)).eval()
        >>> model(lucid.tensor([[464, 3290]])).shape
        lucid.Size([1, 2, 50257])
        >>> model.generate(lucid.tensor([[464, 3290]]), 3, do_sample=True, top_k=40, seed=0).shape
        lucid.Size([1, 5])

    Source: Radford, Wu, Child, Luan, Amodei, Sutskever (2019), Language Models are Unsupervised Multitask Learners.
    """

    Config = GPT2Config

    def __init__(self, config: GPT2Config) -> None:
        super().__init__(config)
        self.transformer = GPT2Model(config)
        self.lm_head = nn.utils.skip_init(nn.Linear, config.n_embd, config.vocab_size, bias=False)
        self.lm_head.weight = self.transformer.wte.weight

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, position_ids: Tensor | None = None,
        cache: nn.KVCache | None = None,
    ) -> Tensor:  # fmt: skip
        return self.lm_head(self.transformer(input_ids, attention_mask, position_ids, cache))

    def _upgrade_state(self, state: dict[str, Any], prefix: str, version: int | None) -> None:
        inner = ("wte.", "wpe.", "h.", "ln_f.")
        rename(state, prefix, lambda name: f"transformer.{name}" if name.startswith(inner) else name)
        embedding = f"{prefix}transformer.wte.weight"
        if embedding in state:
            state.setdefault(f"{prefix}lm_head.weight", state[embedding])

    @lucid.no_grad()
    def generate(
        self, input_ids: Tensor, max_new_tokens: int = 20, *, attention_mask: Tensor | None = None,
        do_sample: bool = False, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None,
        seed: int | None = None, eos_token_id: int | None = None, pad_token_id: int | None = None,
    ) -> Tensor:  # fmt: skip
        """Continue texts, token by token; what was computed of earlier tokens is kept.

        Args:
            input_ids: (N, T), the beginnings; those of different lengths with padding in front.
            max_new_tokens: how many tokens to add at most.
            attention_mask: (N, T), zero for the padding.
            do_sample: draw tokens by their scores, instead of taking the highest.
            temperature: divides the scores: below 1 makes likely tokens likelier.
            top_k: draw from so many tokens of the highest scores.
            top_p: draw from the likeliest tokens whose probabilities sum up to this.
            seed: of the draws; those of the global generator unless given.
            eos_token_id: token that ends a text; that of the settings unless given, none if negative.
            pad_token_id: what follows the end where other texts go on; ``eos_token_id`` unless given.

        Returns:
            (N, T + tokens added).

        Raises:
            ValueError: an argument is out of range, or there would be more tokens than positions.
        """
        if input_ids.ndim != 2 or not input_ids.shape[1]:
            raise ValueError(f"generate: expected input_ids of shape (N, T), got {tuple(input_ids.shape)}")
        n, length = input_ids.shape
        if max_new_tokens < 1 or length + max_new_tokens > self.config.n_positions:
            raise ValueError(
                f"generate: max_new_tokens must be at least 1, and with the {length} tokens of input_ids at most "
                f"{self.config.n_positions}, got {max_new_tokens}"
            )
        if not do_sample and (temperature != 1.0 or top_k is not None or top_p is not None or seed is not None):
            raise ValueError("generate: temperature, top_k, top_p and seed need do_sample=True")
        pick = Sampler(temperature, top_k, top_p, seed) if do_sample else lambda scores: scores.argmax(1)
        eos = self.config.eos_token_id if eos_token_id is None else eos_token_id
        pad = eos if pad_token_id is None else pad_token_id
        ids = input_ids.numpy().astype(np.int64)
        seen = np.ones_like(ids) if attention_mask is None else (attention_mask.numpy() != 0).astype(np.int64)
        if seen.shape != ids.shape:
            raise ValueError(f"generate: expected attention_mask of shape {ids.shape}, got {seen.shape}")
        if not seen[:, -1].all():
            raise ValueError("generate: padding must come before the texts, not after them")
        padded = not seen.all()
        cache = nn.StaticKVCache(length + max_new_tokens, self.config.n_layer)
        fresh, ended = ids, np.zeros(n, bool)
        for _ in range(max_new_tokens):
            mask = places = None
            if padded:
                mask = lucid.from_numpy(seen)
                places = lucid.from_numpy(np.maximum(np.cumsum(seen, 1) - 1, 0)[:, -fresh.shape[1] :].copy())
            x = self.transformer(lucid.from_numpy(fresh), mask, places, cache)
            token = pick(self.lm_head(x[:, -1]).numpy())
            fresh = np.where(ended, -1 if pad is None else pad, token)[:, None]
            ids = np.concatenate([ids, fresh], 1)
            seen = np.concatenate([seen, np.ones_like(fresh)], 1)
            ended |= fresh[:, 0] == eos
            if ended.all():
                break
        return lucid.from_numpy(ids)


_ABOUT = About(
    "Radford, Wu, Child, Luan, Amodei, Sutskever (2019), Language Models are Unsupervised Multitask Learners",
    "lucid.models.{name}(vocab_size=99, n_layer=2).eval()(lucid.tensor([[2, 5, 3]])).shape", "lucid.Size([1, 3, 99])",
)  # fmt: skip


def _gpt2(name: str, size: str, layers: int, channels: int) -> Callable[..., GPT2LMHeadModel]:
    config = GPT2Config(n_layer=layers, n_embd=channels, n_head=channels // 64)
    make = configured(GPT2LMHeadModel, config)
    return variant(name, f"GPT-2 of {layers} layers", size, None, _ABOUT, make)


gpt2 = _gpt2("gpt2", "124.4 million", 12, 768)
gpt2_medium = _gpt2("gpt2_medium", "354.8 million", 24, 1024)
gpt2_large = _gpt2("gpt2_large", "774.0 million", 36, 1280)
gpt2_xl = _gpt2("gpt2_xl", "1.56 billion", 48, 1600)
