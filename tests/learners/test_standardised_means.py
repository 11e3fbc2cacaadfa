"""Class means of standardised features, with a temperature that the examples choose."""

import torch

from quickstudy.learners import StandardisedMeans


def task(noise: float, features: int = 8, shots: int = 5) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(1, 3, 1, features, generator=generator)
    x = centres + noise * torch.randn(1, 3, shots + 40, features, generator=generator)
    labels = torch.arange(3)[None, :, None].expand(1, 3, shots + 40)
    support, query = (slice(None, shots), slice(shots, None))
    return tuple(part[:, :, each].flatten(1, 2) for each in (support, query) for part in (x, labels))


def test_classes_that_overlap_get_a_higher_temperature() -> None:
    learner = StandardisedMeans()
    near, far = (learner.adapt(*task(noise)[:2]).temperature for noise in (3.0, 0.3))
    assert near > 2 * far


def test_probabilities_are_honest_where_classes_overlap() -> None:
    x, y, query_x, query_y = task(1.5)
    learner = StandardisedMeans()
    prediction = learner.predict(learner.adapt(x, y), query_x)
    assert -prediction.log_prob(query_y).mean() < torch.tensor(3.0).log()


def test_units_do_not_matter() -> None:
    x, y, query_x, _ = task(1.0)
    units, offset = torch.logspace(-3, 3, 8), 5.0
    learner = StandardisedMeans()
    plain = learner.predict(learner.adapt(x, y), query_x).probs
    scaled = learner.predict(learner.adapt(units * (x + offset), y), units * (query_x + offset)).probs
    assert torch.allclose(plain, scaled, atol=1e-4)


def test_a_constant_feature_changes_only_the_temperature() -> None:
    x, y, query_x, _ = task(1.0)
    learner = StandardisedMeans()
    state = learner.adapt(torch.cat([x, torch.full_like(x[..., :1], 3.0)], dim=-1), y)
    assert state.spread[0, -1] == 1
    found = learner.predict(state, torch.cat([query_x, torch.full_like(query_x[..., :1], 3.0)], dim=-1)).probs
    assert (found.argmax(-1) == learner.predict(learner.adapt(x, y), query_x).probs.argmax(-1)).all()


def test_one_example_of_each_class_gets_the_temperature_of_the_prior() -> None:
    x, y, *_ = task(1.0, shots=1)
    assert StandardisedMeans().adapt(x, y).temperature == 8


def test_by_direction_neither_length_nor_many_empty_features_matter() -> None:
    x, y, query_x, query_y = task(1.0, features=16)
    learner = StandardisedMeans(by_direction=True)

    def found(change) -> torch.Tensor:
        return learner.predict(learner.adapt(change(x), y), change(query_x)).probs

    plain = found(lambda each: each)
    assert torch.allclose(found(lambda each: 100 * each + 3), plain, atol=1e-4)
    assert torch.allclose(found(lambda each: torch.nn.functional.pad(each, (0, 200))), plain, atol=1e-4)
    assert (plain.argmax(-1) == query_y).float().mean() > 0.8
