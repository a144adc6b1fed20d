"""Transformer encoders for language: Devlin et al. (2019)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import lucid
from lucid import Tensor, nn
from lucid.models._pretrained import Config, Pretrained, rename
from lucid.nn import functional as F
from lucid.nn.modules._layers import check_layers

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "gelu": nn.GELU, "gelu_new": lambda: nn.GELU("tanh"), "relu": nn.ReLU,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class BertConfig(Config):
    """Settings of BERT, by default those of the base model, under Hugging Face's names.

    Attributes:
        vocab_size: number of different tokens.
        hidden_size, num_hidden_layers, num_attention_heads: channels, layers, heads.
        intermediate_size: hidden units of the perceptrons.
        hidden_act: "gelu", "gelu_new" (its form with tanh) or "relu".
        hidden_dropout_prob, attention_probs_dropout_prob: probabilities of dropout.
        max_position_embeddings: the most tokens of an input.
        type_vocab_size: number of different segments.
        layer_norm_eps: of the normalisations.
        pad_token_id: token whose embedding gets no gradient.
        initializer_range: standard deviation of random weights.
        num_labels: outputs of the classifiers.

    Raises:
        ValueError: ``hidden_act`` is unknown, or the heads do not divide ``hidden_size``.

    Example:
        >>> import lucid
        >>> lucid.models.BertConfig(num_hidden_layers=6).hidden_size
        768

    Source: Devlin et al., arXiv:1810.04805.
    """

    REFUSED: ClassVar[dict[str, Any]] = {
        "position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False,
    }  # fmt: skip

    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12
    pad_token_id: int | None = 0
    initializer_range: float = 0.02
    num_labels: int = 2

    def __post_init__(self) -> None:
        check_layers("BertConfig", "num_hidden_layers", self.num_hidden_layers)
        if self.hidden_act not in ACTIVATIONS:
            raise ValueError(f"BertConfig: hidden_act must be one of {', '.join(ACTIVATIONS)}, got {self.hidden_act!r}")
        if self.num_attention_heads < 1:
            raise ValueError(f"BertConfig: num_attention_heads must be positive, got {self.num_attention_heads}")
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"BertConfig: hidden_size {self.hidden_size} is not a multiple of num_attention_heads "
                f"{self.num_attention_heads}"
            )


class BertEmbeddings(nn.Module):
    """The sum of the embeddings of tokens, positions and segments, normalised."""

    def __init__(self, c: BertConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(c.vocab_size, c.hidden_size, padding_idx=c.pad_token_id)
        self.position_embeddings = nn.Embedding(c.max_position_embeddings, c.hidden_size)
        self.token_type_embeddings = nn.Embedding(c.type_vocab_size, c.hidden_size)
        self.LayerNorm = nn.LayerNorm(c.hidden_size, eps=c.layer_norm_eps)
        self.dropout = nn.Dropout(c.hidden_dropout_prob)

    def forward(self, ids: Tensor, types: Tensor | None, positions: Tensor | None) -> Tensor:
        length = ids.shape[1]
        # Slices instead of lookups, where the indices are known: their gradients need no search.
        place = self.position_embeddings.weight[:length] if positions is None else self.position_embeddings(positions)
        kind = self.token_type_embeddings.weight[0] if types is None else self.token_type_embeddings(types)
        return self.dropout(self.LayerNorm(self.word_embeddings(ids) + kind + place))


class BertSelfAttention(nn.Module):
    """Queries, keys and values, and what the heads find, side by side."""

    def __init__(self, c: BertConfig) -> None:
        super().__init__()
        self.heads, self.dropout = c.num_attention_heads, c.attention_probs_dropout_prob
        self.query, self.key, self.value = (nn.Linear(c.hidden_size, c.hidden_size) for _ in range(3))

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        n, length, channels = x.shape
        q, k, v = (
            layer(x).reshape(n, length, self.heads, channels // self.heads).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        y = F.scaled_dot_product_attention(q, k, v, mask, self.dropout if self.training else 0.0)
        return y.transpose(1, 2).reshape(n, length, channels)


class BertOutputs(nn.Module):
    """Linear layer and dropout, added to what came before and normalised."""

    def __init__(self, c: BertConfig, inputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, c.hidden_size)
        self.LayerNorm = nn.LayerNorm(c.hidden_size, eps=c.layer_norm_eps)
        self.dropout = nn.Dropout(c.hidden_dropout_prob)

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        return self.LayerNorm(x + self.dropout(self.dense(y)))


class BertAttention(nn.Module):
    """Self-attention beside a shortcut."""

    def __init__(self, c: BertConfig) -> None:
        super().__init__()
        self.self = BertSelfAttention(c)
        self.output = BertOutputs(c, c.hidden_size)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        return self.output(self.self(x, mask), x)


class BertTransform(nn.Module):
    """Linear layer and activation."""

    def __init__(self, c: BertConfig, outputs: int, norm: bool = False) -> None:
        super().__init__()
        self.dense = nn.Linear(c.hidden_size, outputs)
        self.activation = ACTIVATIONS[c.hidden_act]()
        self.LayerNorm = nn.LayerNorm(outputs, eps=c.layer_norm_eps) if norm else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.activation(self.dense(x))
        return y if self.LayerNorm is None else self.LayerNorm(y)


class BertLayer(nn.Module):
    """Attention and a perceptron, each beside a shortcut and followed by a normalisation."""

    def __init__(self, c: BertConfig) -> None:
        super().__init__()
        self.attention = BertAttention(c)
        self.intermediate = BertTransform(c, c.intermediate_size)
        self.output = BertOutputs(c, c.intermediate_size)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        x = self.attention(x, mask)
        return self.output(self.intermediate(x), x)


class BertEncoder(nn.Module):
    """The layers, one after the other."""

    def __init__(self, c: BertConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList([BertLayer(c) for _ in range(c.num_hidden_layers)])

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        for layer in self.layer:
            x = layer(x, mask)
        return x


class BertPooler(nn.Module):
    """tanh of a linear layer of the first token."""

    def __init__(self, c: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(c.hidden_size, c.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(x[:, 0]).tanh()


class BertOutput(NamedTuple):
    """What `BertModel` finds.

    Attributes:
        last_hidden_state: of every token, (N, T, hidden_size).
        pooler_output: of the whole input, (N, hidden_size); None without pooler.

    Example:
        >>> import lucid
        >>> config = lucid.models.BertConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2)
        >>> lucid.models.BertModel(config, add_pooling_layer=False)(lucid.tensor([[101, 102]])).pooler_output is None
        True
    """

    last_hidden_state: Tensor
    pooler_output: Tensor | None


class BertBase(Pretrained):
    """What all models of the family share: how weights are drawn and published ones are read."""

    Config = BertConfig

    def draw(self) -> None:
        """Draw the weights of linear layers and embeddings."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=self.config.initializer_range)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
            if isinstance(module, nn.Embedding) and module.padding_idx is not None:
                with lucid.no_grad():
                    module.weight[module.padding_idx] = 0.0

    def _upgrade_state(self, state: dict[str, Any], prefix: str, version: int | None) -> None:
        rename(state, prefix, self._renamed)

    def _renamed(self, name: str) -> str | None:
        """The name of an entry of a published file, some of which have TensorFlow's; None for what is no parameter."""
        if name.endswith(("embeddings.position_ids", "embeddings.token_type_ids")):
            return None
        for old, new in (("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias")):
            if name.endswith(old):
                return name.removesuffix(old) + new
        return name


class BertModel(BertBase):
    """BERT: token ids through a transformer encoder.

    `load_state_dict` takes files of the encoder alone, and those of models with a head, which it leaves aside.

    Args:
        config: the settings.
        add_pooling_layer: whether to make ``pooler_output``.

    Shape:
        input_ids: (N, T), integers below ``vocab_size``.
        attention_mask: (N, T), nonzero for the tokens to look at; all of them unless given.
        token_type_ids: (N, T), the segment of each token; 0 unless given.
        position_ids: (N, T) or (T,); 0 to T - 1 unless given.

    Returns:
        `BertOutput`.

    Raises:
        ValueError: an input has another shape, or more tokens than positions.

    Example:
        >>> import lucid
        >>> from lucid.models import BertConfig, BertModel
        >>> config = BertConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
        >>> out = BertModel(config).eval()(lucid.tensor([[101, 7592, 102]]))
        >>> out.last_hidden_state.shape, out.pooler_output.shape
        (lucid.Size([1, 3, 32]), lucid.Size([1, 32]))

    Source: Devlin, Chang, Lee, Toutanova (2019), BERT: Pre-training of Deep Bidirectional Transformers.
    """

    def __init__(self, config: BertConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.embeddings = BertEmbeddings(config)
        self.encoder = BertEncoder(config)
        self.pooler = BertPooler(config) if add_pooling_layer else None
        self.draw()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
    ) -> BertOutput:  # fmt: skip
        if input_ids.ndim != 2 or not 0 < input_ids.shape[1] <= self.config.max_position_embeddings:
            limit = self.config.max_position_embeddings
            raise ValueError(f"expected input_ids of shape (N, T), T at most {limit}, got {tuple(input_ids.shape)}")
        mask = None
        if attention_mask is not None:
            if attention_mask.shape != input_ids.shape:
                shapes = f"{tuple(input_ids.shape)} like input_ids, got {tuple(attention_mask.shape)}"
                raise ValueError(f"expected attention_mask of shape {shapes}")
            mask = (attention_mask != 0)[:, None, None]
        x = self.encoder(self.embeddings(input_ids, token_type_ids, position_ids), mask)
        return BertOutput(x, None if self.pooler is None else self.pooler(x))

    def _upgrade_state(self, state: dict[str, Any], prefix: str, version: int | None) -> None:
        super()._upgrade_state(state, prefix, version)
        if not prefix and any(key.startswith("bert.") for key in state):
            rename(state, "", lambda name: name.removeprefix("bert.") if name.startswith("bert.") else None)
        if self.pooler is None:
            rename(state, f"{prefix}pooler.", lambda name: None)
