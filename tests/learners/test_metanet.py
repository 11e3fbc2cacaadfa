import pytest
import torch
import torch.nn.functional as F
from torch import nn

from quickstudy.core import SharedTasks, Tasks, UserError, leaves
from quickstudy.learners import MetaNet
from quickstudy.networks import Conv4
from quickstudy.networks.loss_gradients import partners
from quickstudy.networks.weight_generators import preprocessed

MAP = (3, 2, 2)
VARIANTS = ("metanet", "metanet-", "metanet+")
every_variant = pytest.mark.parametrize("variant", VARIANTS)


def build(max_ways=3, *, own_base=True, **options) -> MetaNet:
    """Over vectors of five numbers, in float64, with fast weights large enough to be seen."""
    torch.manual_seed(0)
    encoders = [nn.Sequential(nn.Linear(5, 12), nn.Tanh()) for _ in range(2)]
    options = {"base_encoder": encoders[1] if own_base else None, "num_features": 6, "cells": None, **options}
    learner = MetaNet(encoders[0], MAP, max_ways=max_ways, **options).double()
    with torch.no_grad():
        for parameter in (*learner.embedding.parameters(), *learner.base.parameters()):
            parameter.mul_(3)
        for generator in generators(learner):
            (generator.write if hasattr(generator, "write") else generator.layers[-1]).weight.mul_(10)
    return learner.eval()


def generators(learner) -> list[nn.Module]:
    families = learner.make_examples, learner.make_embedding, learner.make_base
    return [generator for family in families if family is not None for generator in family.each]


def silence(learner, *families) -> None:
    """Generators that make nothing but zeros."""
    for family in families:
        for generator in family.each:
            last = generator.write if hasattr(generator, "write") else generator.layers[-1]
            nn.init.zeros_(last.weight)


def build_for_images(**options) -> MetaNet:
    torch.manual_seed(0)
    encoder = Conv4(channels=8, downsampling="pool", keep_edge=True)
    return MetaNet(encoder, encoder.map_shape, **{"max_ways": 3, "sharpness": 10.0, "num_features": 16, **options})


def draw(ways, shots, queries, generator, num_tasks=2) -> Tasks:
    """Tasks of vectors at random, in float64, the support in random order."""
    labels = torch.arange(ways).repeat(shots)
    support_y = torch.stack([labels[torch.randperm(len(labels), generator=generator)] for _ in range(num_tasks)])
    x = torch.randn(num_tasks, len(labels) + queries, 5, generator=generator, dtype=torch.float64)
    query_y = torch.randint(ways, (num_tasks, queries), generator=generator)
    return Tasks(x[:, : len(labels)], support_y, x[:, len(labels) :], query_y)


@pytest.fixture
def vectors(generator) -> Tasks:
    """Two 3-way 2-shot tasks with four queries."""
    return draw(3, 2, 4, generator)


@pytest.fixture
def one_shot(generator) -> Tasks:
    """Two 3-way 1-shot tasks with four queries."""
    return draw(3, 1, 4, generator)


def predicted(learner, tasks):
    return learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)


def accuracy(learner, tasks):
    return (predicted(learner, tasks).probs.argmax(dim=-1) == tasks.query_y).double().mean().item()


# A plain Meta Network, one task, one example and one query at a time.


def network(layers, image, *fast):
    """The layers on one map (C, H, W), beside any number of lists of fast weights (O, I)."""
    x = image[None]
    for index, slow in enumerate(layers.slow):
        both = [(slow.weight, slow.bias), *((weights[index], None) for weights in fast)]
        if index == 0:
            out = [F.conv2d(x, weight.view(MAP[0], MAP[0], 3, 3), bias, padding=1) for weight, bias in both]
            x = F.max_pool2d(sum(each.relu() for each in out), 2, ceil_mode=True).flatten(1)
        else:
            out = [F.linear(x, weight, bias) for weight, bias in both]
            is_last = index == len(layers.slow) - 1
            x = sum(out) if is_last else sum(each.relu() for each in out)
    return x[0]


def gradients_of(loss, layers):
    return torch.autograd.grad(loss, [slow.weight for slow in layers.slow], create_graph=True)


def pair_loss(one, other, is_same):
    distance = (one - other).norm()
    return distance**2 if is_same else (1 - distance).clamp(min=0) ** 2


def weights_by_lstm(generator, sequence):
    """One weight for each coordinate of a list of gradients, coordinate by coordinate through torch's cell."""
    cell = nn.LSTMCell(2, 20).double()
    rows = torch.cat([torch.arange(start, start + 20) for start in (20, 0, 60, 40)])
    del cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh
    cell.weight_ih, cell.weight_hh = generator.read.weight[rows], generator.recur.weight[rows]
    cell.bias_ih, cell.bias_hh = generator.read.bias[rows], torch.zeros(80, dtype=torch.float64)
    state = None
    for gradient in sequence:
        state = cell(preprocessed(gradient).flatten(0, 1), state)
    return generator.write(state[0]).view(sequence[0].shape)


def of_layer(family, index):
    return family.each[index if len(family.each) > 1 else 0]


def reference(learner, tasks, second_order=False, num_gradients=None):
    """The log-probabilities (T, Q, N) of a task's queries."""
    keep = (lambda g: g) if second_order else torch.detach
    answers = []
    for x, y, queries in zip(tasks.support_x, tasks.support_y, tasks.query_x, strict=True):
        images = learner.encoder(x).view(-1, *MAP), learner.base_encoder(x).view(-1, *MAP)
        absent = torch.tensor([label not in y for label in range(learner.max_ways)])

        def logits_of(logits, absent=absent):
            return logits.masked_fill(absent, -torch.inf)

        count, one_shot = len(y[:num_gradients]), y.bincount().max() == 1
        others = partners(y[None], count)[0]
        told = []
        for index in range(count if learner.make_embedding is not None else 0):
            r = network(learner.embedding, images[0][index])
            if one_shot:
                loss = F.cross_entropy(logits_of(learner.codes @ r), y[index])
            else:
                other = network(learner.embedding, images[0][others[index]])
                loss = pair_loss(r, other, y[index] == y[others[index]])
            told.append([keep(g) for g in gradients_of(loss, learner.embedding)])
        losses = [
            F.cross_entropy(logits_of(network(learner.base, image)), label)
            for image, label in zip(images[1], y, strict=True)
        ]
        taught = [[keep(g) for g in gradients_of(loss, learner.base)] for loss in losses]
        memory = [
            [of_layer(learner.make_examples, index).layers(preprocessed(g)).squeeze(-1) for index, g in enumerate(each)]
            for each in taught
        ]
        fast, plus = [], []
        if learner.make_embedding is not None:
            fast = [[weights_by_lstm(of_layer(learner.make_embedding, i), [g[i] for g in told]) for i in range(2)]]
        if learner.make_base is not None:
            first = taught[:num_gradients]
            plus = [[weights_by_lstm(of_layer(learner.make_base, i), [g[i] for g in first]) for i in range(3)]]
        keys = torch.stack([network(learner.embedding, image, *fast) for image in images[0]])
        rows = []
        for query in queries:
            r = network(learner.embedding, learner.encoder(query).view(MAP), *fast)
            sharpness = 1 if learner.log_sharpness is None else learner.log_sharpness.exp()
            attention = (sharpness * F.cosine_similarity(keys, r[None])).softmax(dim=0)
            own = [sum(a * kept[index] for a, kept in zip(attention, memory, strict=True)) for index in range(3)]
            logits = network(learner.base, learner.base_encoder(query).view(MAP), own, *plus)
            rows.append(logits_of(logits).log_softmax(dim=0))
        answers.append(torch.stack(rows))
    return torch.stack(answers)


@every_variant
@pytest.mark.parametrize("shots", [1, 2])
@pytest.mark.parametrize("generator_for", ["all layers", "each layer"])
def test_answers_are_those_of_a_plain_loop(variant, shots, generator_for, generator):
    learner = build(4, variant=variant, generator_for=generator_for, sharpness=3.0, num_gradients=2)
    tasks = draw(3, shots, 4, generator)
    expected = reference(learner, tasks, num_gradients=2)
    assert torch.allclose(predicted(learner, tasks).logits.exp(), expected.exp(), atol=1e-10)
    assert expected.exp().std(dim=1).max() > 1e-3


@pytest.mark.parametrize("second_order", [False, True])
@pytest.mark.parametrize("shots", [1, 2])
def test_meta_gradients_are_those_of_a_plain_loop(second_order, shots, generator):
    learner = build(variant="metanet+", second_order=second_order)
    tasks = draw(3, shots, 4, generator)
    parameters = {name: value for name, value in learner.named_parameters() if value.requires_grad}
    if shots > 1:
        parameters.pop("codes", None)  # Pairs have no use for them.
    plain = -reference(learner, tasks, second_order).gather(2, tasks.query_y[..., None]).mean()
    expected = torch.autograd.grad(plain, list(parameters.values()))
    found = torch.autograd.grad(learner(tasks), list(parameters.values()))
    for name, one, other in zip(parameters, found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-8 * max(1, other.abs().max())), name


def test_the_second_order_changes_the_meta_gradient_and_not_the_loss(vectors):
    first, second = build(), build(second_order=True)
    assert torch.equal(first(vectors), second(vectors))
    grads = [torch.autograd.grad(learner(vectors), learner.base.slow[0].weight)[0] for learner in (first, second)]
    assert (grads[0] - grads[1]).abs().max() > 1e-5


@every_variant
def test_gradients_of_second_order_are_those_of_finite_differences(variant, one_shot):
    learner = build(variant=variant, second_order=True)
    torch.manual_seed(1)
    for name, parameter in learner.named_parameters():
        if not parameter.requires_grad or (name == "codes" and variant == "metanet-"):
            continue
        (gradient,) = torch.autograd.grad(learner(one_shot), parameter)
        direction = torch.randn_like(parameter)
        steps = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter.add_(sign * 1e-6 * direction)
                steps.append(learner(one_shot))
                parameter.sub_(sign * 1e-6 * direction)
        slope = (steps[0] - steps[1]) / 2e-6
        assert torch.allclose((gradient * direction).sum(), slope, atol=1e-6, rtol=1e-4), name


@every_variant
def test_silenced_generators_leave_the_slow_network(variant, vectors):
    learner = build(variant=variant)
    silence(learner, *(f for f in (learner.make_examples, learner.make_embedding, learner.make_base) if f is not None))
    maps = learner.base_encoder(vectors.query_x).unflatten(-1, MAP)
    assert torch.allclose(predicted(learner, vectors).probs, learner.base(maps).softmax(dim=-1), atol=1e-12)


def test_slow_weights_alone_know_nothing_of_labels(trained):
    learner, tasks = trained
    assert accuracy(learner, tasks) > 0.9
    deaf = build_trained_copy(learner)
    silence(deaf, deaf.make_examples)
    found = [accuracy(deaf, tasks._replace(query_y=(tasks.query_y + shift) % 3)) for shift in range(3)]
    assert sum(found) / 3 == pytest.approx(1 / 3)
    relabelled = predicted(deaf, tasks._replace(support_y=2 - tasks.support_y)).probs
    # The embedding is still told the labels, but an attention over nothing says nothing.
    assert torch.allclose(relabelled, predicted(deaf, tasks).probs, atol=1e-6)


@every_variant
def test_gradients_reach_all_slow_weights_and_generators(variant, one_shot):
    learner = build(variant=variant)
    learner(one_shot).backward()
    for name, parameter in learner.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().sum() > 0, name


def test_without_the_fast_branch_no_gradient_reaches_the_generators(one_shot, monkeypatch):
    learner = build()
    forward = type(learner.base).forward
    monkeypatch.setattr(type(learner.base), "forward", lambda layers, maps, *fast: forward(layers, maps))
    learner(one_shot).backward()
    assert all(parameter.grad is None for each in generators(learner) for parameter in each.parameters())
    assert learner.base.slow[0].weight.grad.abs().sum() > 0


def test_support_gradients_are_of_slow_weights_alone(vectors):
    learner, louder = build(), build()
    with torch.no_grad():
        for each in generators(louder):
            (each.write if hasattr(each, "write") else each.layers[-1]).weight.mul_(2)
            (each.write if hasattr(each, "write") else each.layers[-1]).bias.mul_(2)
    one, other = (each.adapt(vectors.support_x, vectors.support_y) for each in (learner, louder))
    for weights, twice in zip(one.memory + one.embedding_weights, other.memory + other.embedding_weights, strict=True):
        assert torch.allclose(2 * weights, twice, atol=1e-12)


def test_moving_the_kept_examples_changes_nothing(vectors):
    learner, order = build(), torch.tensor([3, 5, 0, 4, 1, 2])
    state = learner.adapt(vectors.support_x, vectors.support_y)
    moved = state._replace(memory=tuple(kept[:, order] for kept in state.memory), keys=state.keys[:, order])
    one, other = (learner.predict(each, vectors.query_x).probs for each in (state, moved))
    assert torch.allclose(one, other, atol=1e-12)


def test_without_task_weights_the_order_of_the_support_does_not_matter(vectors):
    learner, order = build(variant="metanet-"), torch.tensor([3, 5, 0, 4, 1, 2])
    moved = vectors._replace(support_x=vectors.support_x[:, order], support_y=vectors.support_y[:, order])
    assert torch.allclose(predicted(learner, moved).probs, predicted(learner, vectors).probs, atol=1e-12)


def test_the_order_of_the_gradients_changes_the_task_weights_slightly(one_shot):
    learner = build()
    flipped = one_shot._replace(support_x=one_shot.support_x.flip(1), support_y=one_shot.support_y.flip(1))
    one, other = (learner.adapt(tasks.support_x, tasks.support_y).embedding_weights for tasks in (one_shot, flipped))
    for forth, back in zip(one, other, strict=True):
        assert 0 < (forth - back).abs().mean() < forth.abs().mean()


def test_attention_is_highest_at_an_equal_key_and_sums_to_one(vectors):
    learner = build()
    state = learner.adapt(vectors.support_x, vectors.support_y)
    attention = learner._attention(state.keys, state.keys)
    assert (attention.argmax(dim=-1) == torch.arange(6)).all()
    assert torch.allclose(attention.sum(dim=-1), torch.ones(2, 6, dtype=torch.float64))
    assert (attention > 0).all()


@pytest.mark.parametrize(("ways", "others", "highest"), [(5, 0, 0.405), (10, 0, 0.232), (20, 0, 0.125), (5, -1, 0.649)])
def test_the_papers_attention_is_flat_and_a_learnt_one_need_not_be(ways, others, highest):
    keys = torch.eye(ways)
    if others == -1:
        keys[1:] = -keys[0]
    flat, sharp = (
        build(sharpness=sharpness).float()._attention(keys[None], keys[None, :1]) for sharpness in (None, 20)
    )
    assert flat[0, 0, 0].item() == pytest.approx(highest, abs=5e-4)
    assert sharp[0, 0, 0] > 0.99


def test_an_example_given_three_times_is_read_as_often_as_once(one_shot):
    learner = build(variant="metanet-")  # The weights of the whole task come from the first examples.
    index = torch.tensor([0, 1, 2, 0, 0])
    thrice = one_shot._replace(support_x=one_shot.support_x[:, index], support_y=one_shot.support_y[:, index])
    assert torch.allclose(predicted(learner, thrice).probs, predicted(learner, one_shot).probs, atol=1e-10)


def test_each_example_of_several_shots_is_in_the_memory(vectors):
    state = build().adapt(vectors.support_x, vectors.support_y)
    assert [kept.shape for kept in state.memory] == [(2, 6, 3, 27), (2, 6, 6, 3), (2, 6, 3, 6)]
    assert state.keys.shape == (2, 6, 6)
    assert [weights.shape for weights in state.embedding_weights] == [(2, 3, 27), (2, 6, 3)]


def test_variants_differ_in_their_task_weights(vectors):
    states = {variant: build(variant=variant).adapt(vectors.support_x, vectors.support_y) for variant in VARIANTS}
    counts = {variant: (len(state.embedding_weights), len(state.base_weights)) for variant, state in states.items()}
    assert counts == {"metanet": (2, 0), "metanet-": (0, 0), "metanet+": (2, 3)}
    with pytest.raises(ValueError, match="metanet- or"):
        build(variant="metanet*")


def test_the_coordinates_are_as_many_as_the_papers(generator):
    learner = MetaNet(nn.Identity(), (64, 2, 2), max_ways=5)
    state = learner.adapt(torch.rand(1, 5, 256, generator=generator), torch.arange(5)[None])
    assert sum(kept[0, 0].numel() for kept in state.memory) == 41_280
    assert sum(weights[0].numel() for weights in state.embedding_weights) == 40_960


def test_only_the_first_gradients_make_the_task_weights(vectors):
    learner = build(num_gradients=2)
    other_labels = vectors.support_y.clone()
    other_labels[:, 4:] = other_labels[:, 4:].flip(1)
    few, same = (
        learner.adapt(vectors.support_x, labels).embedding_weights for labels in (vectors.support_y, vectors.support_y)
    )
    assert all(torch.equal(one, other) for one, other in zip(few, same, strict=True))
    full = build().adapt(vectors.support_x, vectors.support_y).embedding_weights
    assert not torch.allclose(full[0], few[0], atol=1e-6)


def test_a_task_with_one_shot_reads_the_same_beside_tasks_with_more(generator):
    ragged = draw(3, 1, 4, generator, num_tasks=1), draw(3, 1, 4, generator, num_tasks=1)
    both = Tasks(*(torch.cat(fields) for fields in zip(*ragged, strict=True)))
    both = both._replace(support_y=torch.tensor([[0, 1, 2], [0, 0, 1]]))
    learner = build()
    for task in range(2):
        alone = Tasks(*(field[task : task + 1] for field in both))
        assert torch.allclose(predicted(learner, both).probs[task], predicted(learner, alone).probs[0], atol=1e-12)


def test_slots_without_examples_are_impossible(vectors):
    fewer = vectors._replace(support_y=torch.stack([vectors.support_y[0], 2 * (vectors.support_y[1] // 2)]))
    found = predicted(build(5), fewer).probs
    assert (found[0, :, :3] > 0).all()
    assert (found[0, :, 3:] == 0).all()
    assert (found[1, :, [1, 3, 4]] == 0).all()


def test_slots_without_examples_have_no_part_in_the_gradients(vectors):
    learner = build(5)
    state = learner.adapt(vectors.support_x, vectors.support_y)
    silent = of_layer(learner.make_examples, 2).layers(preprocessed(torch.zeros((), dtype=torch.float64)))
    assert torch.allclose(state.memory[2][:, :, 3:], silent.expand(2, 6, 2, 6), atol=1e-12)


def test_tasks_that_share_a_pool_encode_each_image_once(tasks):
    learner, counted = build_for_images(), []
    learner.encoder.register_forward_hook(lambda module, given, out: counted.append(out[..., 0].numel()))
    index = torch.arange(15).repeat(8, 1)
    pool = torch.cat([tasks.support_x[0], tasks.query_x[0]])
    y = tasks.support_y[:1].expand(8, -1), tasks.query_y[:1].expand(8, -1)
    learner(SharedTasks(pool, index[:, :6], y[0], index[:, 6:], y[1])).backward()
    assert counted == [15]


def test_the_support_is_encoded_once_however_many_queries_follow(tasks):
    learner, counted = build_for_images().eval(), []
    learner.encoder.register_forward_hook(lambda module, given, out: counted.append(out[..., 0].numel()))
    state = learner.adapt(tasks.support_x, tasks.support_y)
    learner.predict(state, tasks.query_x)
    learner.predict(state, tasks.query_x[:, :2])
    assert counted == [4 * 6, 4 * 9, 4 * 2]


def test_queries_do_not_see_each_other(vectors):
    learner = build()
    fewer = predicted(learner, vectors._replace(query_x=vectors.query_x[:, :1])).probs
    assert torch.allclose(fewer, predicted(learner, vectors).probs[:, :1], atol=1e-12)


@every_variant
def test_it_trains_in_half_precision_where_asked(variant, tasks):
    learner = build_for_images(variant=variant).train()
    with torch.autocast("cpu", torch.bfloat16):
        loss = learner(tasks)
    loss.backward()
    assert loss.dtype == torch.float32
    assert all(p.grad.isfinite().all() for p in learner.parameters() if p.requires_grad)
    assert abs(loss.item() - torch.tensor(3.0).log().item()) < 0.2


def build_trained_copy(learner) -> MetaNet:
    copy = build_for_vectors()
    copy.load_state_dict(learner.state_dict())
    return copy.eval()


def build_for_vectors() -> MetaNet:
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(5, 32), nn.ReLU())
    return MetaNet(encoder, (8, 2, 2), max_ways=3, num_features=16, variant="metanet-", sharpness=10.0)


@pytest.fixture(scope="module")
def trained():
    """A learner that has learnt eight tasks under ever new labels; and the tasks, 3-way 2-shot, in float32."""
    generator = torch.Generator().manual_seed(1)
    means = 2 * torch.randn(8, 3, 5, generator=generator)
    support_y, query_y = torch.arange(3).repeat(8, 2), torch.arange(3).repeat(8, 4)
    x = torch.stack([mean[labels] for mean, labels in zip(means, torch.cat([support_y, query_y], dim=1), strict=True)])
    x = x + 0.3 * torch.randn(x.shape, generator=generator)
    tasks = Tasks(x[:, :6], support_y, x[:, 6:], query_y)
    learner = build_for_vectors().train()
    optimiser = torch.optim.Adam(learner.parameters(), lr=3e-3)
    for _ in range(150):
        optimiser.zero_grad()
        learner(tasks).backward()
        optimiser.step()
    return learner.eval(), tasks


def test_wrong_labels_in_the_support_give_chance(trained):
    learner, tasks = trained
    found = [accuracy(learner, tasks._replace(support_y=(tasks.support_y + shift) % 3)) for shift in range(3)]
    assert found[0] > 0.9
    assert abs(sum(found) / 3 - 1 / 3) < 0.05


def test_labels_beyond_the_slots_are_refused(vectors):
    learner = build(max_ways=2)
    for call in (lambda: learner.adapt(vectors.support_x, vectors.support_y), lambda: learner(vectors)):
        with pytest.raises(UserError, match=r"label 2.*built for 2 ways"):
            call()


def test_queries_of_another_number_of_tasks_are_refused(vectors):
    learner = build()
    state = learner.adapt(vectors.support_x, vectors.support_y)
    assert all(leaf.shape[0] == 2 for leaf in leaves(state))
    with pytest.raises(UserError, match="state holds 2 tasks"):
        learner.predict(state, vectors.query_x[:1])
