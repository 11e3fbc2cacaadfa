import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Categorical

from quickstudy.networks.label_kinds import OneHotLabels, StringLabels

FLOAT64 = torch.zeros((), dtype=torch.float64)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_one_hot_label_is_one_number_of_many():
    encoded = OneHotLabels(4).encode(torch.tensor([[2, 0]]), like=FLOAT64)
    assert encoded.tolist() == [[[0, 0, 1, 0], [1, 0, 0, 0]]]


def test_a_string_is_five_ones_among_twenty_five():
    labels = StringLabels()
    encoded = labels.encode(torch.tensor([[[4, 0, 1, 1, 3]]]), like=FLOAT64)
    assert encoded.shape == (1, 1, 25)
    assert encoded.nonzero()[:, 2].tolist() == [4, 5, 11, 16, 23]
    assert labels.prediction(100 * encoded).mode.tolist() == [[[4, 0, 1, 1, 3]]]


def test_a_strings_likelihood_is_that_of_its_five_characters():
    logits, answer = random(1, 2, 25), torch.tensor([[[4, 0, 1, 1, 3], [0, 1, 2, 3, 4]]])
    by_character = [
        Categorical(logits=logits[..., 5 * place : 5 * place + 5]).log_prob(answer[..., place]) for place in range(5)
    ]
    assert torch.allclose(StringLabels().prediction(logits).log_prob(answer), sum(by_character), atol=1e-12)


def test_an_unlearnt_string_is_one_of_3125():
    prediction = StringLabels().prediction(torch.zeros(1, 1, 25))
    assert float(prediction.log_prob(torch.zeros(1, 1, 5)).exp()) == pytest.approx(1 / 3125)


def test_labels_are_thrown_into_slots_by_one_shuffle_for_each_task():
    torch.manual_seed(0)
    support, query = torch.arange(4).expand(300, 4), torch.tensor([[3, 1]]).expand(300, 2)
    thrown, asked = OneHotLabels(6).shuffled(support, query)
    assert torch.equal(asked, thrown[:, [3, 1]])
    assert (thrown.sort(dim=1).values.diff(dim=1) > 0).all()
    shares = F.one_hot(thrown, 6).double().mean(dim=0)
    assert torch.allclose(shares, torch.full_like(shares, 1 / 6), atol=0.1)


def test_labels_not_seen_are_ruled_out_and_where_none_was_all_are_open():
    is_seen = torch.tensor([[True, False, True], [False, False, False]])
    found = OneHotLabels(3).prediction(torch.zeros(2, 1, 3), is_seen).probs[:, 0]
    assert torch.allclose(found, torch.tensor([[0.5, 0.0, 0.5], [1 / 3, 1 / 3, 1 / 3]]))


@pytest.mark.parametrize("letters", [1, 2, 3, 4, 5])
def test_how_many_strings_can_occur_is_seen_in_those_that_do(letters):
    drawn = torch.randint(5, (4, 6, letters), generator=torch.Generator().manual_seed(0))
    assert int(StringLabels().count(drawn[..., torch.arange(5) % letters])) == 5**letters
    assert int(OneHotLabels(7).count(torch.tensor([[0, 1]]))) == 7
