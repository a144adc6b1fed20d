"""BERT with something on top, and the sizes it comes in: Devlin et al. (2019), Turc et al. (2019)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from lucid import Tensor, nn
from lucid.models._pretrained import configured, rename
from lucid.models._registry import About, variant
from lucid.models.bert import BertBase, BertConfig, BertModel, BertTransform

M = TypeVar("M", bound=nn.Module)


class _BertWithHead(BertBase):
    """A BERT with something on top; files of the encoder alone are read as well."""

    ASIDE: ClassVar[tuple[str, ...]] = ()
    """Entries of the heads of other models, which are left aside."""

    def __init__(self, config: BertConfig, add_pooling_layer: bool) -> None:
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer)

    def _upgrade_state(self, state: dict[str, Any], prefix: str, version: int | None) -> None:
        super()._upgrade_state(state, prefix, version)
        if not any(key.startswith(f"{prefix}bert.") for key in state):
            inner = ("embeddings.", "encoder.", "pooler.")
            rename(state, prefix, lambda name: f"bert.{name}" if name.startswith(inner) else name)
        rename(state, prefix, lambda name: None if name.startswith(self.ASIDE) else name)


class BertPredictions(nn.Module):
    """Scores of every token of the vocabulary, by the embeddings of the tokens."""

    def __init__(self, config: BertConfig, embedding: nn.Embedding) -> None:
        super().__init__()
        self.transform = BertTransform(config, config.hidden_size, norm=True)
        self.decoder = nn.utils.skip_init(nn.Linear, config.hidden_size, config.vocab_size)
        self.decoder.weight = embedding.weight
        self.bias = self.decoder.bias

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.transform(x))


class BertForMaskedLM(_BertWithHead):
    """BERT that scores, at every place, every token of the vocabulary.

    Args:
        config: the settings.

    Shape:
        The inputs are those of `BertModel`.

    Returns:
        (N, T, vocab_size), logits.

    Example:
        >>> import lucid
        >>> from lucid.models import BertConfig, BertForMaskedLM
        >>> config = BertConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
        >>> BertForMaskedLM(config).eval()(lucid.tensor([[101, 103, 102]])).shape
        lucid.Size([1, 3, 30522])

    Source: Devlin, Chang, Lee, Toutanova (2019), BERT: Pre-training of Deep Bidirectional Transformers.
    """

    ASIDE = ("cls.seq_relationship.",)

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config, add_pooling_layer=False)
        self.cls = nn.Module()
        self.cls.predictions = BertPredictions(config, self.bert.embeddings.word_embeddings)
        self.draw()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        return self.cls.predictions(self.bert(input_ids, attention_mask, token_type_ids, position_ids)[0])

    def _upgrade_state(self, state: dict[str, Any], prefix: str, version: int | None) -> None:
        super()._upgrade_state(state, prefix, version)
        head = f"{prefix}cls.predictions."
        # Files hold what is shared once.
        for name, other in (
            (f"{head}decoder.weight", f"{prefix}bert.embeddings.word_embeddings.weight"),
            (f"{head}decoder.bias", f"{head}bias"),
            (f"{head}bias", f"{head}decoder.bias"),
        ):
            if name not in state and other in state:
                state[name] = state[other]


class BertForSequenceClassification(_BertWithHead):
    """BERT with a linear classifier of the whole input.

    Args:
        config: the settings; ``num_labels`` is the number of outputs.

    Shape:
        The inputs are those of `BertModel`.

    Returns:
        (N, num_labels), logits.

    Example:
        >>> import lucid
        >>> from lucid.models import BertConfig, BertForSequenceClassification
        >>> config = BertConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, num_labels=3)
        >>> BertForSequenceClassification(config).eval()(lucid.tensor([[101, 7592, 102]])).shape
        lucid.Size([1, 3])

    Source: Devlin, Chang, Lee, Toutanova (2019), BERT: Pre-training of Deep Bidirectional Transformers.
    """

    ASIDE = ("cls.",)

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config, add_pooling_layer=True)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.draw()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        pooled = self.bert(input_ids, attention_mask, token_type_ids, position_ids)[1]
        return self.classifier(self.dropout(pooled))


_SOURCE = "Devlin, Chang, Lee, Toutanova (2019), BERT: Pre-training of Deep Bidirectional Transformers"
_WELL_READ = "Turc, Chang, Lee, Toutanova (2019), Well-Read Students Learn Better: On the Importance of Pre-training"


def _bert(name: str, size: str, model: type[M], layers: int, channels: int, source: str = _SOURCE) -> Callable[..., M]:
    config = BertConfig(
        hidden_size=channels, num_hidden_layers=layers, num_attention_heads=channels // 64,
        intermediate_size=4 * channels,
    )  # fmt: skip
    example = "lucid.models.{name}(vocab_size=99, num_hidden_layers=2).eval()(lucid.tensor([[2, 5, 3]]))"
    about = {
        BertModel: ("", About(source, f"{example}.pooler_output.shape", f"lucid.Size([1, {channels}])")),
        BertForMaskedLM: (" with scores of tokens", About(source, f"{example}.shape", "lucid.Size([1, 3, 99])")),
        BertForSequenceClassification: (" with a classifier", About(source, f"{example}.shape", "lucid.Size([1, 2])")),
    }
    kind, what = about[model]
    return variant(name, f"BERT of {layers} layers{kind}", size, None, what, configured(model, config))


bert_tiny = _bert("bert_tiny", "4.4 million", BertModel, 2, 128, _WELL_READ)
bert_tiny_masked_lm = _bert("bert_tiny_masked_lm", "4.4 million", BertForMaskedLM, 2, 128, _WELL_READ)
bert_tiny_classifier = _bert("bert_tiny_classifier", "4.4 million", BertForSequenceClassification, 2, 128, _WELL_READ)
bert_base = _bert("bert_base", "109.5 million", BertModel, 12, 768)
bert_base_masked_lm = _bert("bert_base_masked_lm", "109.5 million", BertForMaskedLM, 12, 768)
bert_base_classifier = _bert("bert_base_classifier", "109.5 million", BertForSequenceClassification, 12, 768)
bert_large = _bert("bert_large", "335.1 million", BertModel, 24, 1024)
bert_large_masked_lm = _bert("bert_large_masked_lm", "335.2 million", BertForMaskedLM, 24, 1024)
bert_large_classifier = _bert("bert_large_classifier", "335.1 million", BertForSequenceClassification, 24, 1024)
