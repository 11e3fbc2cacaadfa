"""The encoder of sentences ignores padding, and its weights fit if they are installed."""

import torch

from quickstudy.networks.sentence_encoder import SentenceEncoder, SentenceSizes, restored


def small() -> SentenceEncoder:
    torch.manual_seed(0)
    return SentenceEncoder(SentenceSizes(vocabulary=50, channels=8, layers=2, heads=2, hidden=16, places=12))


def test_padding_changes_nothing() -> None:
    encoder, tokens = small().eval(), torch.tensor([[3, 7, 9]])
    padded = torch.tensor([[3, 7, 9, 0, 0]])
    plain = encoder(tokens, torch.ones(1, 3, dtype=torch.bool))
    torch.testing.assert_close(plain, encoder(padded, padded > 0))
    torch.testing.assert_close(plain.norm(dim=-1), torch.ones(1))


def test_the_order_of_words_matters() -> None:
    encoder, all_real = small().eval(), torch.ones(1, 3, dtype=torch.bool)
    assert not torch.allclose(
        encoder(torch.tensor([[3, 7, 9]]), all_real), encoder(torch.tensor([[9, 7, 3]]), all_real)
    )


def test_sizes_are_read_from_the_weights_and_other_tensors_are_left_out() -> None:
    weights = {**small().state_dict(), "pooler.dense.bias": torch.zeros(8)}
    encoder, tokens, real = restored(weights, heads=2), torch.tensor([[3, 7]]), torch.ones(1, 2, dtype=torch.bool)
    torch.testing.assert_close(encoder(tokens, real), small().eval()(tokens, real))
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
