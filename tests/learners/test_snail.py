import itertools
from typing import get_args

import pytest
import torch
from torch import nn

from quickstudy.core import Tasks, UserError, in_random_slots, leaves
from quickstudy.learners.snail import SNAIL, First
from quickstudy.networks import Conv4

SMALL = {"filters": 6, "attention": ((4, 3), (5, 4), (6, 7))}
TABLE = {  # ways, shots: channels after the input and each block; parameters of all but the embedding
    (5, 1): ([69, 101, 485, 613, 997, 1253], 3_097_406),
    (5, 5): ([69, 101, 741, 869, 1509, 1765], 6_224_190),
    (20, 1): ([84, 116, 756, 884, 1524, 1780], 6_358_980),
    (20, 5): ([84, 116, 1012, 1140, 2036, 2292], 10_572_740),
}


def build(max_ways=3, max_examples=6, **options) -> SNAIL:
    """Over vectors of five numbers, in float64."""
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(5, 8), nn.Tanh())
    return SNAIL(encoder, 8, max_ways=max_ways, max_examples=max_examples, **{**SMALL, **options}).double().eval()


def build_for_images(normalisation="batch", max_ways=3) -> SNAIL:
    torch.manual_seed(0)
    encoder = Conv4(channels=8, normalisation=normalisation)
    sizes = {"filters": 16, "attention": ((8, 8), (16, 16), (16, 16))}
    return SNAIL(encoder, encoder.num_features, max_ways=max_ways, max_examples=6, **sizes)


def draw(ways, shots, queries, generator, num_tasks=2, features=5) -> Tasks:
    """Tasks of vectors at random, in float64, the support in random order."""
    labels = torch.arange(ways).repeat(shots)
    support_y = torch.stack([labels[torch.randperm(len(labels), generator=generator)] for _ in range(num_tasks)])
    x = torch.randn(num_tasks, len(labels) + queries, features, generator=generator, dtype=torch.float64)
    query_y = torch.randint(ways, (num_tasks, queries), generator=generator)
    return Tasks(x[:, : len(labels)], support_y, x[:, len(labels) :], query_y)


@pytest.fixture
def vectors(generator) -> Tasks:
    """Two 3-way 2-shot tasks with four queries, of vectors of five numbers, in float64."""
    return draw(3, 2, 4, generator)


class Times(nn.Module):
    """Multiplies."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


def predicted(learner, tasks):
    return learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)


def naively(learner, tasks):
    return learner.predict_naively(tasks.support_x, tasks.support_y, tasks.query_x)


def accuracy(learner, tasks):
    return (predicted(learner, tasks).probs.argmax(dim=-1) == tasks.query_y).double().mean().item()


@pytest.fixture(scope="module")
def trained():
    """A learner that has learnt eight tasks under ever new labels; and the tasks, 3-way 2-shot, in float32."""
    generator = torch.Generator().manual_seed(1)
    means = 2 * torch.randn(8, 3, 5, generator=generator)
    support_y, query_y = torch.arange(3).repeat(8, 2), torch.arange(3).repeat(8, 4)
    x = torch.stack([mean[labels] for mean, labels in zip(means, torch.cat([support_y, query_y], dim=1), strict=True)])
    x = x + 0.3 * torch.randn(x.shape, generator=generator)
    tasks = Tasks(x[:, :6], support_y, x[:, 6:], query_y)
    learner = build(filters=16, attention=((8, 8), (16, 16), (16, 16))).float().train()
    optimiser = torch.optim.Adam(learner.parameters(), lr=3e-3)
    for _ in range(200):
        order = torch.randperm(6, generator=generator)
        optimiser.zero_grad()
        learner(tasks._replace(support_x=tasks.support_x[:, order], support_y=tasks.support_y[:, order])).backward()
        optimiser.step()
    return learner.eval(), tasks


@pytest.mark.parametrize(("ways", "shots"), TABLE)
def test_channels_and_parameters_are_those_of_the_paper(ways, shots):
    with torch.device("meta"):
        learner = SNAIL(nn.Identity(), 64, max_ways=ways, max_examples=ways * shots)
    channels, parameters = TABLE[ways, shots]
    assert [64 + ways, *(block.out_channels for block in learner.blocks.blocks)] == channels
    assert sum(parameter.numel() for parameter in learner.parameters()) == parameters


@pytest.mark.parametrize("literal", [False, True])
@pytest.mark.parametrize(("max_examples", "dense_blocks"), [(7, 3), (8, 4), (16, 5)])
def test_the_convolutions_reach_from_the_query_to_the_first_example(max_examples, dense_blocks, literal):
    learner = build(max_examples=max_examples, literal_dilations=literal)
    for block in learner.blocks.blocks[1::2]:
        assert [dense.convolutions.dilation for dense in block.blocks] == [
            2 ** (index + literal) for index in range(dense_blocks)
        ]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize(("ways", "shots"), [(5, 1), (5, 5), (20, 1)])
def test_cached_answers_are_those_of_whole_sequences(ways, shots, dtype, tolerance, generator):
    torch.manual_seed(0)
    learner = SNAIL(nn.Identity(), 64, max_ways=ways, max_examples=ways * shots).to(dtype)
    tasks = draw(ways, shots, 3, generator, features=64).to("cpu", dtype)
    with torch.no_grad():
        assert torch.allclose(predicted(learner, tasks).logits, naively(learner, tasks).logits, atol=tolerance, rtol=0)


@pytest.mark.parametrize("literal", [False, True])
@pytest.mark.parametrize(("ways", "shots"), [(2, 1), (3, 2), (5, 5), (20, 1)])
def test_cached_answers_are_those_of_whole_sequences_with_room_to_spare(ways, shots, literal, generator):
    learner = build(max_ways=20, max_examples=40, literal_dilations=literal)
    tasks = draw(ways, shots, 3, generator)
    assert torch.allclose(predicted(learner, tasks).probs, naively(learner, tasks).probs, atol=1e-10)


def test_cached_answers_of_uneven_supports_are_those_of_whole_sequences(generator):
    learner = build(max_ways=3, max_examples=7)
    tasks = draw(7, 1, 3, generator)._replace(support_y=torch.tensor([[0, 1, 0, 0, 2, 0, 0], [2, 2, 1, 2, 0, 2, 1]]))
    assert torch.allclose(predicted(learner, tasks).probs, naively(learner, tasks).probs, atol=1e-10)


def test_gradients_are_those_of_whole_sequences(vectors):
    learner = build()
    learner(vectors).backward()
    cached = [parameter.grad.clone() for parameter in learner.parameters()]
    learner.zero_grad()
    (-naively(learner, vectors).log_prob(vectors.query_y).mean()).backward()
    for (name, parameter), gradient in zip(learner.named_parameters(), cached, strict=True):
        assert torch.allclose(gradient, parameter.grad, atol=1e-12), name
        assert gradient.abs().sum() > 0, name


@pytest.mark.parametrize("scale", [1.0, 8.0])
def test_a_sequence_item_is_an_embedding_beside_a_one_hot_label_and_the_querys_label_is_zero(scale, vectors):
    learner, items = build(label_scale=scale), []
    learner.blocks.blocks[0].keys.register_forward_hook(lambda module, given, keys: items.append(given[0]))
    predicted(learner, vectors)
    support, queries = items
    assert torch.equal(support[..., :8], learner.encoder(vectors.support_x))
    assert torch.equal(support[..., 8:], scale * torch.eye(3, dtype=torch.float64)[vectors.support_y])
    assert torch.equal(queries[..., :8], learner.encoder(vectors.query_x))
    assert (queries[..., 8:] == 0).all()


@pytest.mark.parametrize("position", [0, 4, 8])
def test_what_comes_later_changes_no_bit_of_what_came_before(position, generator):
    learner = build()
    items = torch.randn(2, 9, 11, generator=generator, dtype=torch.float64)
    other = items.clone()
    other[:, position] += 1
    before, after = learner.blocks(items), learner.blocks(other)
    assert torch.equal(before[:, :position], after[:, :position])
    assert not torch.equal(before[:, position:], after[:, position:])


@pytest.mark.parametrize("parts", [(6,), (1, 5), (2, 2, 2), (1,) * 6])
def test_extending_in_parts_is_adapting_at_once(parts, vectors):
    learner, state = build(), build().prior(2)
    for x, y in zip(vectors.support_x.split(parts, dim=1), vectors.support_y.split(parts, dim=1), strict=True):
        state = learner.extend(state, x, y)
    at_once = learner.adapt(vectors.support_x, vectors.support_y)
    assert state.num_examples == 6
    for part, whole in zip(leaves(state), leaves(at_once), strict=True):
        assert torch.allclose(part, whole, atol=1e-10)
    expected = learner.predict(at_once, vectors.query_x).probs
    assert torch.allclose(learner.predict(state, vectors.query_x).probs, expected, atol=1e-10)


def test_extending_leaves_the_state_it_started_from_as_it_was(vectors):
    learner = build()
    state = learner.adapt(vectors.support_x[:, :3], vectors.support_y[:, :3])
    before = [leaf.clone() for leaf in leaves(state)]
    learner.extend(state, vectors.support_x[:, 3:], vectors.support_y[:, 3:])
    assert all(torch.equal(*pair) for pair in zip(before, leaves(state), strict=True))


def test_every_image_is_embedded_once_however_many_queries_follow(vectors):
    learner, counted = build(), []
    learner.encoder.register_forward_hook(lambda module, given, z: counted.append(z[..., 0].numel()))
    state = learner.adapt(vectors.support_x, vectors.support_y)
    learner.predict(state, vectors.query_x)
    learner.predict(state, vectors.query_x[:, :1])
    assert counted == [2 * 6, 2 * 4, 2 * 1]
    naively(learner, vectors)
    assert counted[3:] == [2 * 4 * (6 + 1)]


@pytest.mark.parametrize("is_training", [False, True])
def test_support_and_queries_are_embedded_together_in_one_go(is_training, vectors):
    learner, counted = build().train(is_training), []
    learner.encoder.register_forward_hook(lambda module, given, z: counted.append(z[..., 0].numel()))
    learner(vectors)
    assert counted == [2 * (6 + 4)]


def test_the_meta_loss_at_test_is_the_mean_nll(vectors):
    learner = build()
    expected = -predicted(learner, vectors).log_prob(vectors.query_y).mean()
    assert torch.allclose(learner(vectors), expected, atol=1e-12)


def test_in_training_the_meta_loss_is_that_of_the_same_tasks_in_random_slots(vectors):
    learner = build(max_ways=5).train()
    torch.manual_seed(3)
    found = learner(vectors)
    torch.manual_seed(3)
    thrown = in_random_slots(vectors, 5)
    assert torch.allclose(found, learner.eval()(thrown), atol=1e-12)
    assert not torch.allclose(found, learner(vectors), atol=1e-6)


def test_random_slots_keep_classes_apart_and_queries_with_them(vectors):
    for _ in range(20):
        thrown = in_random_slots(vectors, 7)
        for task in range(2):
            slot = dict(zip(vectors.support_y[task].tolist(), thrown.support_y[task].tolist(), strict=True))
            assert len(set(slot.values())) == 3
            assert [slot[label] for label in vectors.support_y[task].tolist()] == thrown.support_y[task].tolist()
            assert [slot[label] for label in vectors.query_y[task].tolist()] == thrown.query_y[task].tolist()


def test_every_class_comes_to_every_slot_equally_often(generator):
    torch.manual_seed(0)
    tasks = Tasks(*(field.expand(3000, *field.shape[1:]) for field in draw(2, 1, 1, generator, num_tasks=1)))
    thrown = in_random_slots(tasks, 4).support_y
    counts = torch.stack([thrown[:, index].bincount(minlength=4) for index in range(2)])
    assert ((counts - 750).abs() < 5 * (3000 * 3 / 16) ** 0.5).all()


# Embeddings that can only be compared.


def test_of_equal_lengths_how_strong_an_embedding_is_says_nothing(vectors):
    learner = build(equal_lengths=True)
    plain = predicted(learner, vectors)
    learner.encoder.append(Times(3.0))
    assert torch.allclose(predicted(learner, vectors).logits, plain.logits, atol=1e-5)
    assert not torch.allclose(predicted(build(), vectors).logits, plain.logits, atol=1e-3)


def test_cached_answers_of_equal_lengths_are_those_of_whole_sequences(vectors):
    learner = build(equal_lengths=True)
    assert torch.allclose(predicted(learner, vectors).logits, naively(learner, vectors).logits, atol=1e-10)


def test_channels_are_shuffled_in_training_alone(vectors):
    shuffling, plain = build(shuffled_channels=1.0), build()
    assert torch.equal(shuffling.meta_loss(vectors), plain.meta_loss(vectors))
    losses = []
    for learner in (shuffling.train(), plain.train()):
        torch.manual_seed(1)
        losses.append(learner.meta_loss(vectors))
    assert not torch.allclose(*losses)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_of_shuffled_channels_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match="share from 0 to 1"):
        build(shuffled_channels=share)


def test_order_matters_to_single_answers(vectors):
    learner = build()
    flipped = vectors._replace(support_x=vectors.support_x.flip(1), support_y=vectors.support_y.flip(1))
    assert not torch.allclose(predicted(learner, flipped).probs, predicted(learner, vectors).probs, atol=1e-6)


def test_order_does_not_matter_on_average(trained):
    learner, tasks = trained
    found = []
    for order in itertools.islice(itertools.permutations(range(6)), 0, 720, 60):
        turned = tasks._replace(support_x=tasks.support_x[:, list(order)], support_y=tasks.support_y[:, list(order)])
        found.append(accuracy(learner, turned))
    assert min(found) > 0.9


def test_wrong_labels_in_the_support_give_chance(trained):
    learner, tasks = trained
    found = [accuracy(learner, tasks._replace(support_y=(tasks.support_y + shift) % 3)) for shift in range(3)]
    assert found[0] > 0.9
    assert abs(sum(found) / 3 - 1 / 3) < 0.05


def test_without_its_labels_the_support_tells_nothing(trained, monkeypatch):
    learner, tasks = trained
    monkeypatch.setattr(learner, "_slots", lambda labels, like: torch.zeros(*labels.shape, 3))
    found = [accuracy(learner, tasks._replace(query_y=(tasks.query_y + shift) % 3)) for shift in range(3)]
    assert sum(found) / 3 == pytest.approx(1 / 3)
    relabelled = predicted(learner, tasks._replace(support_y=2 - tasks.support_y)).probs
    assert torch.equal(relabelled, predicted(learner, tasks).probs)


def test_queries_do_not_see_each_other(vectors):
    learner = build()
    fewer = predicted(learner, vectors._replace(query_x=vectors.query_x[:, :1])).probs
    assert torch.allclose(fewer, predicted(learner, vectors).probs[:, :1], atol=1e-12)


def test_every_example_reaches_every_answer(vectors):
    learner, x = build(), vectors.support_x.requires_grad_()
    for query in range(4):
        gradient = torch.autograd.grad(predicted(learner, vectors).probs[:, query, 0].sum(), x)[0]
        assert (gradient.abs().sum(dim=-1) > 0).all()


def test_slots_without_examples_are_impossible(vectors):
    fewer = vectors._replace(support_y=torch.stack([vectors.support_y[0], 2 * (vectors.support_y[1] // 2)]))
    found = predicted(build(max_ways=5), fewer).probs
    assert (found[0, :, :3] > 0).all()
    assert (found[0, :, 3:] == 0).all()
    assert (found[1, :, [1, 3, 4]] == 0).all()
    assert torch.allclose(found.sum(dim=-1), torch.ones(2, 4, dtype=torch.float64))


def test_before_any_example_every_slot_is_possible(vectors):
    learner = build(max_ways=5)
    state = learner.prior(2)
    assert state.num_examples == 0
    assert (learner.predict(state, vectors.query_x).probs > 0).all()


def test_it_learns_images_by_heart_through_a_convolutional_encoder(tasks):
    learner = build_for_images(normalisation="group").train()
    optimiser = torch.optim.Adam(learner.parameters(), lr=5e-3)
    for _ in range(150):
        optimiser.zero_grad()
        learner(tasks).backward()
        optimiser.step()
    assert accuracy(learner.eval(), tasks) > 0.8


def test_cached_answers_are_those_of_whole_sequences_of_images_too(tasks):
    learner = build_for_images(max_ways=5).eval()
    with torch.no_grad():
        assert torch.allclose(predicted(learner, tasks).probs, naively(learner, tasks).probs, atol=1e-5)


def test_a_support_longer_than_it_was_built_for_is_refused(vectors):
    learner = build(max_examples=5)
    state = learner.adapt(vectors.support_x[:, :4], vectors.support_y[:, :4])
    for call in (
        lambda: learner.adapt(vectors.support_x, vectors.support_y),
        lambda: learner.extend(state, vectors.support_x[:, 4:], vectors.support_y[:, 4:]),
        lambda: learner(vectors),
        lambda: naively(learner, vectors),
    ):
        with pytest.raises(UserError, match=r"6 examples .* built for 5.*max_examples=6"):
            call()


def test_labels_beyond_the_slots_are_refused(vectors):
    learner = build(max_ways=2)
    for call in (lambda: learner.adapt(vectors.support_x, vectors.support_y), lambda: learner(vectors)):
        with pytest.raises(UserError, match=r"label 2.*built for 2 ways"):
            call()


def test_queries_of_another_number_of_tasks_are_refused(vectors):
    learner = build()
    state = learner.adapt(vectors.support_x, vectors.support_y)
    with pytest.raises(UserError, match="state holds 2 tasks"):
        learner.predict(state, vectors.query_x[:1])


def test_blocks_alternate_and_end_with_an_attention_whichever_is_first():
    names = {first: [type(block).__name__ for block in build(first=first).blocks.blocks] for first in get_args(First)}
    attention, convolutions = "CausalAttention", "TCBlock"
    assert names["attention"] == [attention, convolutions, attention, convolutions, attention]
    assert names["convolutions"] == [convolutions, attention, convolutions, attention, convolutions, attention]
    with pytest.raises(ValueError, match="first is 'both'"):
        build(first="both")


def test_with_convolutions_first_cached_queries_equal_whole_sequences(vectors):
    learner = build(first="convolutions")
    naive = learner.predict_naively(vectors.support_x, vectors.support_y, vectors.query_x)
    assert torch.allclose(predicted(learner, vectors).logits, naive.logits, atol=1e-10)
    state = learner.adapt(vectors.support_x, vectors.support_y)
    assert state.num_examples == 6


def test_queries_of_attention_start_as_keys_unless_switched_off():
    for starts in (True, False):
        first = build(queries_start_as_keys=starts).blocks.blocks[0]
        assert torch.equal(first.queries.weight, first.keys.weight) == starts


def test_without_comparing_labels_cached_queries_equal_whole_sequences(vectors):
    learner = build(compares_labels=False)
    naive = learner.predict_naively(vectors.support_x, vectors.support_y, vectors.query_x)
    assert torch.allclose(predicted(learner, vectors).logits, naive.logits, atol=1e-10)


def test_without_comparing_labels_the_first_attention_does_not_see_them(generator):
    learner = build(compares_labels=False, key_gain=2.0)
    x = torch.randn(1, 3, 5, generator=generator, dtype=torch.float64)
    keys = [learner.adapt(x, y[None]).caches[0].keys for y in (torch.arange(3), torch.tensor([1, 2, 0]))]
    assert torch.equal(keys[0], keys[1])
