"""Texts become vectors, in their own order whatever their lengths."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from quickstudy.core import UserError
from quickstudy.estimators import text_encoder
from quickstudy.networks.sentence_encoder import SentenceEncoder, SentenceSizes


class Letters:
    """Stands in for a tokeniser: a token for each letter."""

    def encode_batch(self, texts: list[str]) -> list[SimpleNamespace]:
        return [SimpleNamespace(ids=[1 + ord(letter) % 40 for letter in text] or [0]) for text in texts]


def encode(texts) -> np.ndarray:
    torch.manual_seed(0)
    sizes = SentenceSizes(vocabulary=50, channels=8, layers=1, heads=2, hidden=16, places=40)
    return text_encoder.encode_texts(SentenceEncoder(sizes).eval(), Letters(), texts)


def test_a_batch_gives_what_each_text_gives_alone() -> None:
    texts = ["a long sentence", "short", "", "of another length"] * 12
    together = encode(texts)
    assert together.shape == (48, 8)
    np.testing.assert_allclose(together[:4], [encode([text])[0] for text in texts[:4]], atol=1e-5)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(UserError, match="Example 1 is nan, but text was expected"):
        encode(["a", float("nan")])


def test_missing_weights_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    text_encoder._network_and_tokeniser.cache_clear()
    monkeypatch.setattr(text_encoder.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"quickstudy\[text\]"):
        text_encoder.text_encoder()


def test_the_published_weights_give_the_published_similarities() -> None:
    pytest.importorskip("all_minilm_l6_v2")
    pytest.importorskip("tokenizers")
    text_encoder._network_and_tokeniser.cache_clear()
    person, dog, sunny = text_encoder.text_encoder()(
        ["That is a happy person", "That is a happy dog", "Today is a sunny day"]
    )
    assert person @ dog == pytest.approx(0.6946, abs=1e-3)
    assert person @ sunny == pytest.approx(0.2569, abs=1e-3)
