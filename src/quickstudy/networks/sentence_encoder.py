"""A transformer that turns sentences into vectors: MiniLM, whose weights come as an installable package.

Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding" (NAACL 2019), in the
small size of Wang et al., "MiniLM" (NeurIPS 2020). A sentence is the mean of its tokens, as in Reimers and Gurevych,
"Sentence-BERT" (EMNLP 2019). Modules are named as in the stored weights.

Letters: B sentences, L tokens, C channels.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quickstudy.networks.attention import merged_heads, read, split_heads


class SentenceSizes(NamedTuple):
    """How large the encoder is."""

    vocabulary: int = 30522
    """Tokens that it knows."""
    channels: int = 384
    """Channels of a token, and numbers of a sentence."""
    layers: int = 6
    """Layers."""
    heads: int = 12
    """Heads of each attention."""
    hidden: int = 1536
    """Width between the two layers of a perceptron."""
    places: int = 512
    """Most tokens of a sentence."""


_EPSILON = 1e-12
"""Of the layer norms."""
_KINDS = 2
"""Kinds of sentences that the weights know; only the first is used."""


class _Embeddings(nn.Module):
    """A token is its word, its place and its kind."""

    def __init__(self, sizes: SentenceSizes) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(sizes.vocabulary, sizes.channels)
        self.position_embeddings = nn.Embedding(sizes.places, sizes.channels)
        self.token_type_embeddings = nn.Embedding(_KINDS, sizes.channels)
        self.LayerNorm = nn.LayerNorm(sizes.channels, eps=_EPSILON)

    def forward(self, tokens_BL: Tensor) -> Tensor:
        places_LC = self.position_embeddings.weight[: tokens_BL.shape[1]]
        embedded: Tensor = self.LayerNorm(
            self.word_embeddings(tokens_BL) + places_LC + self.token_type_embeddings.weight[0]
        )
        return embedded


class _Layer(nn.Module):
    """Attention and a perceptron, each added to its input and normalised after that."""

    def __init__(self, sizes: SentenceSizes) -> None:
        super().__init__()
        channels = sizes.channels
        self.heads = sizes.heads
        projections = {name: nn.Linear(channels, channels) for name in ("query", "key", "value")}
        self.attention = nn.ModuleDict({"self": nn.ModuleDict(projections), "output": _joining(channels, channels)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(channels, sizes.hidden)})
        self.output = _joining(sizes.hidden, channels)

    def forward(self, x_BLC: Tensor, is_real_BL: Tensor) -> Tensor:
        projections: nn.ModuleDict = self.attention["self"]  # type: ignore[assignment]
        query, key, value = (split_heads(projections[name](x_BLC), self.heads) for name in ("query", "key", "value"))
        read_BLC = merged_heads(read(query, key, value, is_real_BL[:, None, None]))
        x_BLC = _joined(self.attention["output"], read_BLC, x_BLC)  # type: ignore[arg-type]
        return _joined(self.output, F.gelu(self.intermediate["dense"](x_BLC)), x_BLC)


def _joining(inputs: int, channels: int) -> nn.ModuleDict:
    return nn.ModuleDict({"dense": nn.Linear(inputs, channels), "LayerNorm": nn.LayerNorm(channels, eps=_EPSILON)})


def _joined(modules: nn.ModuleDict, new: Tensor, x_BLC: Tensor) -> Tensor:
    joined: Tensor = modules["LayerNorm"](modules["dense"](new) + x_BLC)
    return joined


class SentenceEncoder(nn.Module):
    """Vectors of sentences.

    Args:
        sizes: How large it is.
    """

    def __init__(self, sizes: SentenceSizes = SentenceSizes()) -> None:  # noqa: B008  # Cannot be changed.
        super().__init__()
        self.embeddings = _Embeddings(sizes)
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(_Layer(sizes) for _ in range(sizes.layers))})

    def forward(self, tokens: Tensor, is_real: Tensor) -> Tensor:
        """Vectors (B, C) of length 1.

        Args:
            tokens: numbers of the tokens (B, L).
            is_real: (B, L), True where a token is no padding.
        """
        x_BLC = self.embeddings(tokens)
        layers: Any = self.encoder["layer"]
        for layer in layers:
            x_BLC = layer(x_BLC, is_real)
        real_BL1 = is_real[..., None].to(x_BLC.dtype)
        return F.normalize((x_BLC * real_BL1).sum(dim=1) / real_BL1.sum(dim=1).clamp(min=1), dim=-1)


def restored(weights: dict[str, Tensor], heads: int) -> SentenceEncoder:
    """The encoder with stored weights, in eval mode and without gradients.

    Args:
        weights: tensors by name. The pooling layer, which sentences do not use, is left out.
        heads: heads of each attention, which no tensor shows.
    """
    words, places = (weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position"))
    layers = {int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer.")}
    hidden = len(weights["encoder.layer.0.intermediate.dense.bias"])
    with torch.device("meta"):
        encoder = SentenceEncoder(SentenceSizes(len(words), words.shape[1], len(layers), heads, hidden, len(places)))
    used = {name: each.float() for name, each in weights.items() if name in encoder.state_dict()}
    encoder.load_state_dict(used, assign=True)
    return encoder.eval().requires_grad_(False)
