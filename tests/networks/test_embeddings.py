import pytest
import torch

from quickstudy.networks.embeddings import in_random_channels, of_equal_lengths, refuse_share


def test_products_of_embeddings_of_equal_lengths_are_cosines(generator):
    z_TED = torch.randn(2, 5, 8, generator=generator, dtype=torch.float64)
    scaled = of_equal_lengths(z_TED)
    cosines = torch.nn.functional.cosine_similarity(z_TED[:, :, None], z_TED[:, None], dim=-1)
    assert torch.allclose(scaled @ scaled.mT / 8, cosines, atol=1e-12)


def test_shuffled_channels_are_those_of_support_and_queries_alike(generator):
    z_TSD, z_TQD = torch.randn(50, 3, 8, generator=generator), torch.randn(50, 2, 8, generator=generator)
    support, queries = in_random_channels(z_TSD, z_TQD, 1.0)
    assert torch.allclose(queries @ support.mT, z_TQD @ z_TSD.mT, atol=1e-5)
    assert torch.equal(support.sort(dim=-1).values, z_TSD.sort(dim=-1).values)
    assert len({tuple(row.argsort().tolist()) for row in support.gather(2, z_TSD.argsort(dim=2))[:, 0]}) > 40


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_channels_are_shuffled_in_that_share_of_the_tasks(share, generator):
    z_TSD = torch.randn(2000, 2, 8, generator=generator)
    support, _ = in_random_channels(z_TSD, z_TSD, share)
    changed = (support != z_TSD).any(dim=2).any(dim=1).double().mean()
    assert float(changed) == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_what_is_no_share_is_refused(share):
    with pytest.raises(ValueError, match=f"shuffled_channels is {share}, but a share from 0 to 1"):
        refuse_share("shuffled_channels", share)
