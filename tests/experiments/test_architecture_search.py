import pytest
import torch

from quickstudy.experiments import architecture_search
from quickstudy.experiments.architecture_search import (
    ArchitectureHypernetwork,
    accuracies,
    rank_correlation,
    train_each,
    train_hypernetwork,
)
from quickstudy.experiments.architectures import Architecture, Encoded, Layers, encoded, first_weights

INPUTS, WAYS = 6, 3
SOME = [
    Architecture((8,), "relu", False),
    Architecture((4, 16, 2), "tanh", True),
    Architecture((32, 8), "sine", False),
    Architecture((2, 2, 4, 8), "linear", True),
]


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def data() -> tuple[torch.Tensor, torch.Tensor]:
    centres, y = 2 * torch.randn(WAYS, INPUTS, generator=generator()), torch.arange(60) % WAYS
    return centres[y] + 0.3 * torch.randn(60, INPUTS, generator=generator()), y


def test_a_network_is_trained_as_if_it_was_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def same_for_all(architectures: Encoded, *_: object) -> Layers:
        drawn = first_weights(encoded(SOME[:1]), INPUTS, WAYS, generator())
        return [
            tuple(values.repeat(len(architectures.widths), *[1] * (values.ndim - 1)) for values in layer)
            for layer in drawn
        ]

    monkeypatch.setattr(architecture_search, "first_weights", same_for_all)
    options = {"steps": 3, "generator": generator(), "ways": WAYS}
    alone = train_each(encoded(SOME[:1]), *data(), **options)
    together = train_each(encoded(SOME), *data(), **{**options, "generator": generator()})
    for (weights, shifts), (others, other_shifts) in zip(alone, together, strict=True):
        assert torch.allclose(weights[0], others[0], atol=1e-6)
        assert torch.allclose(shifts[0], other_shifts[0], atol=1e-6)


def test_trained_networks_answer() -> None:
    x, y = data()
    some = encoded([Architecture((8,), "relu", False), Architecture((16, 16), "tanh", True)])
    layers = train_each(some, x, y, steps=100, generator=generator(), ways=WAYS, learning_rate=0.03)
    assert accuracies(some, layers, x, y).min() > 0.95


def test_a_trained_hypernetwork_gives_networks_that_answer() -> None:
    torch.manual_seed(0)
    hypernetwork, (x, y) = ArchitectureHypernetwork(INPUTS, WAYS, width=32), data()
    wide = encoded([Architecture((16, 16), "relu", False), Architecture((32,), "tanh", False)])
    train_hypernetwork(hypernetwork, x, y, steps=60, generator=generator(), learning_rate=0.01)
    with torch.no_grad():
        assert accuracies(wide, hypernetwork(wide), x, y).min() > 0.8


def test_shared_weights_are_the_same_for_all_architectures_but_for_their_scale() -> None:
    torch.manual_seed(0)
    some = encoded(SOME)
    first, *_ = ArchitectureHypernetwork(INPUTS, WAYS, reads_architecture=False)(some)
    assert torch.equal(first[0][0], first[0][1])
    other, *_ = ArchitectureHypernetwork(INPUTS, WAYS)(some)
    assert not torch.allclose(other[0][0], other[0][1])


def test_equal_numbers_share_the_mean_of_their_ranks() -> None:
    one, other = torch.tensor([1.0, 2.0, 2.0, 5.0, 0.0]), torch.tensor([3.0, 1.0, 4.0, 4.0, 0.0])
    assert rank_correlation(one, one.exp()) == pytest.approx(1)
    assert rank_correlation(one, -one) == pytest.approx(-1)
    # By hand: ranks 1, 2.5, 2.5, 4, 0 and 2, 1, 3.5, 3.5, 0.
    assert rank_correlation(one, other) == pytest.approx(0.7632, abs=1e-4)
