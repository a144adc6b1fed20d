"""Texts become token ids by published files, and come back."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import lucid
from lucid.models import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel, Tokenizer, preprocessing

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] the cat sat ##s on mat . Cat"


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ImportError, match=r"^Tokenizer needs the package tokenizers: pip install lucid\[tokenizers\]$"):
        Tokenizer(tmp_path)


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    pytest.importorskip("tokenizers")
    (tmp_path / "vocab.txt").write_text(WORDS.replace(" ", "\n"))
    return tmp_path


@pytest.fixture
def gpt2(tmp_path: Path) -> Path:
    """All bytes, and three pairs of them, in the letters that GPT-2's files write bytes with."""
    byte_level = pytest.importorskip("tokenizers.pre_tokenizers").ByteLevel
    letters = sorted(byte_level.alphabet())
    merges = [("c", "a"), ("ca", "t"), ("\u0120", "cat")]
    vocabulary = [*letters, *(a + b for a, b in merges), "<|endoftext|>"]
    (tmp_path / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(vocabulary)}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    return tmp_path


def test_bert(bert: Path) -> None:
    tokenizer = Tokenizer(bert)
    assert tokenizer.vocab_size == 13 and tokenizer.token_to_id("[MASK]") == 4 and tokenizer.token_to_id("dog") is None
    tokens = tokenizer(["The cats sat.", "A cat"], ["on the mat", "sat"])
    assert tokens["input_ids"].tolist() == [[2, 5, 6, 8, 7, 11, 3, 9, 5, 10, 3], [2, 1, 6, 3, 7, 3, 0, 0, 0, 0, 0]]
    assert tokens["token_type_ids"].tolist() == [[0] * 7 + [1] * 4, [0] * 4 + [1] * 2 + [0] * 5]
    assert tokens["attention_mask"].tolist() == [[1] * 11, [1] * 6 + [0] * 5]
    left = tokenizer(["The cat", "cat"], padding="left")
    assert left["input_ids"].tolist() == [[2, 5, 6, 3], [0, 2, 6, 3]]
    assert left["attention_mask"].tolist() == [[1, 1, 1, 1], [0, 1, 1, 1]]
    assert tokenizer("the cat sat on the mat", max_length=4)["input_ids"].tolist() == [[2, 5, 6, 3]]
    assert tokenizer("the cat sat")["input_ids"].shape == (1, 5)  # a limit is not kept
    assert tokenizer.decode([2, 5, 6, 8, 3]) == "the cats" and tokenizer.decode([2, 5], False) == "[CLS] the"
    assert Tokenizer(bert / "vocab.txt", lowercase=False)("Cat")["input_ids"].tolist() == [[2, 12, 3]]
    config = BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, vocab_size=tokenizer.vocab_size)
    assert BertModel(config)(**tokens).last_hidden_state.shape == (2, 11, 8)


def test_gpt2(gpt2: Path) -> None:
    tokenizer = Tokenizer(gpt2)
    end = tokenizer.vocab_size - 1
    assert tokenizer.pad_token_id == end == 259
    tokens = tokenizer(["cat cat", "caf\u00e9"], padding="left")
    assert tokens["input_ids"].tolist()[0] == [end] * 2 + [257, 258]
    assert tokens["attention_mask"].tolist() == [[0, 0, 1, 1], [1, 1, 1, 1]]
    assert tokenizer.decode(tokens["input_ids"][1]) == "caf\u00e9"
    assert set(tokens) == {"input_ids", "attention_mask"}
    config = GPT2Config(n_embd=8, n_layer=1, n_head=2, n_positions=16, vocab_size=tokenizer.vocab_size)
    ids = GPT2LMHeadModel(config).eval().generate(**tokens, max_new_tokens=4, eos_token_id=-1)
    assert ids.shape == (2, 8) and isinstance(tokenizer.decode(ids[0]), str)


def test_a_whole_file(bert: Path) -> None:
    first = Tokenizer(bert)
    first._tokenizer.save(str(bert / "tokenizer.json"))
    (bert / "vocab.txt").unlink()
    assert Tokenizer(bert)("the cats")["input_ids"].tolist() == first("the cats")["input_ids"].tolist()


def test_what_is_refused(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    tokenizer = Tokenizer(bert)
    with pytest.raises(TypeError, match=r"^Tokenizer: expected texts to be strings, got int$"):
        tokenizer(["a", 3])
    with pytest.raises(ValueError, match=r"^Tokenizer: expected at least one text$"):
        tokenizer([])
    with pytest.raises(ValueError, match=r"^Tokenizer: expected at least one text and as many pairs, got 1 and 2$"):
        tokenizer(["a"], ["b", "c"])
    with pytest.raises(ValueError, match=r"^Tokenizer: padding must be 'left' or 'right', got 'top'$"):
        tokenizer("a", padding="top")
    with pytest.raises(ValueError, match=r"^Tokenizer: max_length must be positive, got 0$"):
        tokenizer("a", max_length=0)
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(FileNotFoundError, match=r"^Tokenizer: .* holds none of tokenizer.json, vocab.txt, vocab.json$"):
        Tokenizer(empty)
    with pytest.raises(FileNotFoundError, match=r"^Tokenizer: no such file: .*nothing.json$"):
        Tokenizer(empty / "nothing.json")
    (empty / "vocab.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"vocab.json needs merges.txt beside it$"):
        Tokenizer(empty)


def test_models_of_language_take_no_images() -> None:
    with pytest.raises(
        ValueError, match=r"^preprocessing: gpt2 takes no images, but token ids; see lucid.models.Tokenizer"
    ):
        preprocessing("gpt2")
    assert lucid.models.Tokenizer is Tokenizer
