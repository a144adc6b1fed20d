"""Texts as token ids and back, through the package tokenizers (``pip install lucid[tokenizers]``)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import lucid
from lucid import Tensor
from lucid._functions._naming import NamedMethods

PADDING = ("[PAD]", "<pad>", "<|endoftext|>")
"""Tokens that fill rows up, the first that the vocabulary has."""


def _read(path: Path, lowercase: bool) -> Any:
    """The tokenizer of a file, or of the files of a directory."""
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError("Tokenizer needs the package tokenizers: pip install lucid[tokenizers]") from error
    if path.is_dir():
        names = ("tokenizer.json", "vocab.txt", "vocab.json")
        found = next((path / name for name in names if (path / name).is_file()), None)
        if found is None:
            raise FileNotFoundError(f"Tokenizer: {path} holds none of {', '.join(names)}")
        path = found
    if not path.is_file():
        raise FileNotFoundError(f"Tokenizer: no such file: {path}")
    if path.suffix == ".txt":
        return tokenizers.BertWordPieceTokenizer(str(path), lowercase=lowercase)
    if path.name == "vocab.json":
        merges = path.with_name("merges.txt")
        if not merges.is_file():
            raise FileNotFoundError(f"Tokenizer: {path} needs {merges.name} beside it")
        return tokenizers.ByteLevelBPETokenizer(str(path), str(merges))
    return tokenizers.Tokenizer.from_file(str(path))


class Tokenizer(NamedMethods):
    """Texts as token ids and back, by the files that are published with a model.

    Args:
        path: a ``tokenizer.json``; a ``vocab.txt`` of BERT; a ``vocab.json`` of GPT-2 with its ``merges.txt`` beside
            it; or a directory with one of these.
        lowercase: for a ``vocab.txt``, whether its words are in lower case and without accents.

    Raises:
        ImportError: the package tokenizers is not installed.
        FileNotFoundError: there are no such files.

    Example:
        >>> import pathlib, tempfile
        >>> import lucid
        >>> words = "[PAD] [UNK] [CLS] [SEP] [MASK] the cat sat ##s"
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     _ = pathlib.Path(directory, "vocab.txt").write_text(words.replace(" ", "\\n"))
        ...     tokenizer = lucid.models.Tokenizer(directory)
        >>> tokens = tokenizer(["The cats sat", "cat"])
        >>> tokens["input_ids"].tolist()
        [[2, 5, 6, 8, 7, 3], [2, 6, 3, 0, 0, 0]]
        >>> tokens["attention_mask"].tolist()
        [[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]]
        >>> tokenizer.decode(tokens["input_ids"])
        ['the cats sat', 'cat']

    Source: https://github.com/huggingface/tokenizers, which does the work.
    """

    def __init__(self, path: str | os.PathLike[str], *, lowercase: bool = True) -> None:
        self._tokenizer = _read(Path(path), lowercase)
        ids = [self._tokenizer.token_to_id(token) for token in PADDING]
        self.pad_token_id: int = next((i for i in ids if i is not None), 0)
        self.has_types = self._tokenizer.token_to_id("[SEP]") is not None

    @property
    def vocab_size(self) -> int:
        """The number of different tokens."""
        return self._tokenizer.get_vocab_size()

    def token_to_id(self, token: str) -> int | None:
        """The id of a token; None if there is no such token.

        Args:
            token: as the vocabulary has it.
        """
        return self._tokenizer.token_to_id(token)

    def __call__(
        self, texts: str | Sequence[str], pairs: str | Sequence[str] | None = None, *, max_length: int | None = None,
        padding: str = "right",
    ) -> dict[str, Tensor]:  # fmt: skip
        """Token ids of texts, ready to be a model's arguments.

        Args:
            texts: one text, or several.
            pairs: a second text for each, such as the answer to a question.
            max_length: longer rows are cut at their end.
            padding: which side of shorter rows is filled up: "right", or "left" as `GPT2LMHeadModel.generate` needs it.

        Returns:
            "input_ids" and "attention_mask" of shape (texts, tokens), int64, and "token_type_ids" for BERT.

        Raises:
            TypeError: ``texts`` or ``pairs`` holds something else than texts.
            ValueError: there are other numbers of texts and pairs, or none, or an argument is out of range.
        """
        rows = [texts] if isinstance(texts, str) else list(texts)
        seconds = [pairs] if isinstance(pairs, str) else None if pairs is None else list(pairs)
        for name, given in (("texts", rows), ("pairs", seconds or [])):
            wrong = next((text for text in given if not isinstance(text, str)), None)
            if wrong is not None:
                raise TypeError(f"Tokenizer: expected {name} to be strings, got {type(wrong).__name__}")
        if not rows or (seconds is not None and len(seconds) != len(rows)):
            also = "" if seconds is None else f" and as many pairs, got {len(rows)} and {len(seconds)}"
            raise ValueError(f"Tokenizer: expected at least one text{also}")
        if padding not in ("left", "right"):
            raise ValueError(f"Tokenizer: padding must be 'left' or 'right', got {padding!r}")
        if max_length is None:
            self._tokenizer.no_truncation()
        elif max_length > 0:
            self._tokenizer.enable_truncation(max_length)
        else:
            raise ValueError(f"Tokenizer: max_length must be positive, got {max_length}")
        found = self._tokenizer.encode_batch(rows if seconds is None else list(zip(rows, seconds)))
        length = max(len(row.ids) for row in found)
        arrays = {"input_ids": np.full((len(rows), length), self.pad_token_id, np.int64)}
        arrays["attention_mask"] = np.zeros((len(rows), length), np.int64)
        if self.has_types:
            arrays["token_type_ids"] = np.zeros((len(rows), length), np.int64)
        for i, row in enumerate(found):
            at = slice(length - len(row.ids), length) if padding == "left" else slice(len(row.ids))
            arrays["input_ids"][i, at] = row.ids
            arrays["attention_mask"][i, at] = 1
            if self.has_types:
                arrays["token_type_ids"][i, at] = row.type_ids
        return {name: lucid.from_numpy(array) for name, array in arrays.items()}

    def decode(self, ids: Tensor | Sequence[Any], skip_special_tokens: bool = True) -> Any:
        """The text of token ids, or the texts of several rows.

        Args:
            ids: (tokens,) or (texts, tokens).
            skip_special_tokens: leave out "[CLS]", padding and the like.
        """
        rows = ids.tolist() if isinstance(ids, Tensor) else [x.tolist() if isinstance(x, Tensor) else x for x in ids]
        if rows and isinstance(rows[0], (list, tuple)):
            return self._tokenizer.decode_batch([list(row) for row in rows], skip_special_tokens=skip_special_tokens)
        return self._tokenizer.decode(list(rows), skip_special_tokens=skip_special_tokens)
