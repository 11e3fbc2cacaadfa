import pytest
import torch
from torch import nn

from quickstudy.core import Tasks, UserError, in_random_slots
from quickstudy.learners.transformer import InContextTransformer
from quickstudy.networks import Conv4


def build(max_ways=3, inputs=5, **options) -> InContextTransformer:
    """Over vectors, in float64."""
    torch.manual_seed(0)
    sizes = {"channels": 8, "num_blocks": 3, "num_heads": 2, "hidden": 16, **options}
    encoder = nn.Sequential(nn.Linear(inputs, 6), nn.Tanh())
    return InContextTransformer(encoder, 6, max_ways=max_ways, **sizes).double().eval()


@pytest.fixture
def vectors(generator) -> Tasks:
    """Two 3-way 2-shot tasks of vectors of five numbers, in float64."""
    x = torch.randn(2, 10, 5, generator=generator, dtype=torch.float64)
    y = torch.tensor([[0, 1, 2, 0, 1, 2], [2, 2, 1, 0, 0, 1]])
    return Tasks(x[:, :6], y, x[:, 6:], torch.tensor([[0, 1, 2, 0], [1, 1, 0, 2]]))


def predicted(learner, tasks):
    return learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)


def in_one_masked_pass(learner, tasks):
    """Support and queries in one sequence, without a cache: everybody sees the support, and nobody a query."""
    num_support = tasks.support_x.shape[1]
    x = learner.token(learner.encoder(torch.cat([tasks.support_x, tasks.query_x], dim=1)))
    x[:, :num_support] += learner.label.weight[tasks.support_y]
    is_query = torch.arange(x.shape[1]) >= num_support
    for block in learner.blocks:
        normed = block.norm(x)
        keys, values = block.keys_values(normed).chunk(2, dim=-1)
        heads = [part.unflatten(-1, (2, 4)).transpose(1, 2) for part in (block.queries(normed), keys, values)]
        logits = (heads[0] @ heads[1].transpose(2, 3) / 2).masked_fill(is_query, -torch.inf)
        x = x + block.out((logits.softmax(dim=-1) @ heads[2]).transpose(1, 2).flatten(2))
        x = x + block.perceptron(x)
    return learner.classify(x[:, num_support:]).log_softmax(dim=-1)


def test_cached_answers_are_those_of_one_masked_pass(vectors):
    learner = build()
    assert torch.allclose(predicted(learner, vectors).logits, in_one_masked_pass(learner, vectors), atol=1e-12)


def test_gradients_are_those_of_one_masked_pass(vectors):
    learner = build()
    learner(vectors).backward()
    cached = [parameter.grad.clone() for parameter in learner.parameters()]
    learner.zero_grad()
    in_one_masked_pass(learner, vectors).gather(2, vectors.query_y[..., None]).mean().neg().backward()
    for (name, parameter), gradient in zip(learner.named_parameters(), cached, strict=True):
        assert torch.allclose(gradient, parameter.grad, atol=1e-12), name


def test_each_read_is_an_update_of_a_modern_hopfield_network_that_stores_the_support(vectors):
    learner = build(num_heads=1)
    state = learner.adapt(vectors.support_x, vectors.support_y)
    x_TQC = learner.token(learner.encoder(vectors.query_x))
    block, seen = learner.blocks[0], state.layers[0]
    patterns_TCS = seen.keys[:, 0].transpose(1, 2)  # Ramsauer et al.'s X
    states_TCQ = block.queries(block.norm(x_TQC)).transpose(1, 2)  # their ξ
    # X softmax(β Xᵀ ξ) with the keys as values: patterns store themselves, and a query is drawn to them.
    weights_TSQ = (patterns_TCS.transpose(1, 2) @ states_TCQ / 8**0.5).softmax(dim=1)
    retrieved_TQC = (patterns_TCS @ weights_TSQ).transpose(1, 2)
    expected = x_TQC + block.out(retrieved_TQC)
    found = block(x_TQC, seen._replace(values=seen.keys))
    assert torch.allclose(found, expected + block.perceptron(expected), atol=1e-12)


def test_support_tokens_carry_labels_and_query_tokens_do_not(vectors):
    learner, tokens = build(), []
    learner.blocks[0].norm.register_forward_hook(lambda module, given, normed: tokens.append(given[0]))
    predicted(learner, vectors)
    embedded = learner.token(learner.encoder(vectors.support_x))
    assert torch.allclose(tokens[0], embedded + learner.label(vectors.support_y), atol=1e-12)
    assert torch.allclose(tokens[-1], learner.token(learner.encoder(vectors.query_x)), atol=1e-12)


def test_the_order_of_the_support_does_not_matter(vectors):
    learner, order = build(), torch.tensor([3, 5, 0, 4, 1, 2])
    permuted = vectors._replace(support_x=vectors.support_x[:, order], support_y=vectors.support_y[:, order])
    assert torch.allclose(predicted(learner, permuted).probs, predicted(learner, vectors).probs, atol=1e-12)


def test_doubling_the_whole_support_changes_nothing_and_doubling_one_example_does(vectors):
    learner = build()
    doubled, longer = (
        vectors._replace(
            support_x=torch.cat([vectors.support_x, vectors.support_x[:, :count]], dim=1),
            support_y=torch.cat([vectors.support_y, vectors.support_y[:, :count]], dim=1),
        )
        for count in (6, 1)
    )
    assert torch.allclose(predicted(learner, doubled).probs, predicted(learner, vectors).probs, atol=1e-12)
    assert not torch.allclose(predicted(learner, longer).probs, predicted(learner, vectors).probs, atol=1e-6)


def test_with_equal_classes_a_class_that_is_given_twice_counts_once(vectors):
    learner = build(equal_classes=True)
    first_class = vectors.support_y[0] == 0
    one = vectors._replace(**{name: value[:1] for name, value in vectors._asdict().items()})
    twice = one._replace(
        support_x=torch.cat([one.support_x, one.support_x[:, first_class]], dim=1),
        support_y=torch.cat([one.support_y, one.support_y[:, first_class]], dim=1),
    )
    assert torch.allclose(predicted(learner, twice).probs, predicted(learner, one).probs, atol=1e-12)
    assert not torch.allclose(predicted(build(), twice).probs, predicted(build(), one).probs, atol=1e-6)


def test_with_equal_classes_padding_changes_nothing_and_classes_of_one_size_are_read_as_without(vectors):
    learner = build(equal_classes=True)
    assert torch.allclose(predicted(learner, vectors).probs, predicted(build(), vectors).probs, atol=1e-12)
    padded_x, padded_y = (torch.cat([each, each[:, :2]], dim=1) for each in (vectors.support_x, vectors.support_y))
    mask = torch.arange(8).expand(2, 8) < 6
    found = learner.predict(learner.adapt(padded_x, padded_y, mask), vectors.query_x)
    assert torch.allclose(found.probs, predicted(learner, vectors).probs, atol=1e-12)


def test_support_examples_see_each_other(vectors):
    learner, other = build(), vectors.support_x.clone()
    other[:, 0] += 1
    one, two = (learner.adapt(x, vectors.support_y) for x in (vectors.support_x, other))
    assert torch.equal(one.layers[0].keys[:, :, 1:], two.layers[0].keys[:, :, 1:])
    assert ((one.layers[1].keys - two.layers[1].keys)[:, :, 1:].abs().sum(dim=-1) > 0).all()


def test_queries_do_not_see_each_other(vectors):
    learner = build()
    fewer = predicted(learner, vectors._replace(query_x=vectors.query_x[:, :1])).probs
    assert torch.allclose(fewer, predicted(learner, vectors).probs[:, :1], atol=1e-12)


def test_tasks_of_a_batch_do_not_see_each_other(vectors):
    learner = build()
    alone = predicted(learner, Tasks(*(field[1:] for field in vectors))).probs
    assert torch.allclose(alone, predicted(learner, vectors).probs[1:], atol=1e-12)


def test_every_image_is_embedded_once_however_many_queries_follow(vectors):
    learner, counted = build(), []
    learner.encoder.register_forward_hook(lambda module, given, z: counted.append(z[..., 0].numel()))
    state = learner.adapt(vectors.support_x, vectors.support_y)
    learner.predict(state, vectors.query_x)
    learner.predict(state, vectors.query_x[:, :1])
    learner(vectors)
    assert counted == [2 * 6, 2 * 4, 2 * 1, 2 * (6 + 4)]


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
    for before, after, asked, thrown_to in zip(*vectors[1::2], *thrown[1::2], strict=True):
        pairs = {
            *zip(before.tolist(), asked.tolist(), strict=True),
            *zip(after.tolist(), thrown_to.tolist(), strict=True),
        }
        assert len(pairs) == 3


def test_embeddings_of_equal_lengths_do_not_depend_on_the_encoders_scale(vectors):
    learner = build(equal_lengths=True)
    plain = predicted(learner, vectors)
    learner.encoder.append(nn.Identity())
    learner.encoder[-1].forward = lambda z: 3 * z
    assert torch.allclose(predicted(learner, vectors).logits, plain.logits, atol=1e-5)
    assert not torch.allclose(predicted(build(), vectors).logits, plain.logits, atol=1e-3)


def test_channels_are_shuffled_in_training_alone(vectors):
    shuffling, plain = build(shuffled_channels=1.0), build()
    assert torch.equal(shuffling.meta_loss(vectors), plain.meta_loss(vectors))
    losses = []
    for learner in (shuffling.train(), plain.train()):
        torch.manual_seed(1)
        losses.append(learner.meta_loss(vectors))
    assert not torch.allclose(*losses)


def test_a_query_that_starts_as_a_key_reads_the_item_that_it_is(vectors):
    learner = build(queries_start_as_keys=True)
    for block in learner.blocks:
        x_TLC = torch.randn(2, 4, 8, dtype=torch.float64)
        keys_THLK = block.remember(x_TLC).keys
        assert torch.allclose(block._by_head(block.queries(block.norm(x_TLC))), keys_THLK)


def test_without_comparing_labels_the_first_block_does_not_compare_them_and_still_reads_them(vectors):
    learner = build(compares_labels=False)
    first, other = (learner.adapt(vectors.support_x, y).layers for y in (vectors.support_y, 2 - vectors.support_y))
    assert torch.equal(first[0].keys, other[0].keys)
    assert not torch.allclose(first[0].values, other[0].values)
    assert not torch.allclose(first[1].keys, other[1].keys)


def test_without_comparing_labels_a_support_example_reads_as_the_query_that_it_would_be(vectors):
    learner = build(compares_labels=False, num_blocks=2)
    found, taken = [], learner.blocks[0].out.register_forward_hook(lambda module, given, read: found.append(read))
    learner.predict(learner.adapt(vectors.support_x, vectors.support_y), vectors.support_x)
    taken.remove()
    assert torch.allclose(found[0], found[1], atol=1e-12)


def test_one_head_of_orthogonal_keys_orders_the_support_by_cosine_before_any_training(generator):
    torch.manual_seed(0)
    options = {"channels": 32, "first_heads": 1, "queries_start_as_keys": True, "key_gain": 1.7}
    learner = InContextTransformer(nn.Identity(), 31, compares_labels=False, **options).double()
    for layer in (learner.token, learner.blocks[0].queries, learner.blocks[0].keys_values):
        nn.init.zeros_(layer.bias)
    # A token whose channels sum to zero keeps its angles in the layer norm.
    weight = learner.token.weight.data
    weight.copy_(torch.linalg.qr(torch.cat([torch.ones(32, 1, dtype=weight.dtype), weight], dim=1)).Q[:, 1:])
    support, query = (
        torch.randn(1, 9, 31, generator=generator).double(),
        torch.randn(1, 4, 31, generator=generator).double(),
    )
    seen = learner.adapt(support, torch.arange(9)[None] % 5).layers[0]
    may_read = torch.ones(4, 9, dtype=torch.bool)
    weights = learner.blocks[0].weights(learner.token(query), seen, may_read)[0, 0]
    cosines = nn.functional.cosine_similarity(query[0, :, None], support[0], dim=-1)
    assert torch.equal(weights.argsort(dim=-1), cosines.argsort(dim=-1))


def test_slots_without_examples_are_impossible(vectors):
    fewer = vectors._replace(support_y=torch.stack([vectors.support_y[0], 2 * (vectors.support_y[1] // 2)]))
    found = predicted(build(max_ways=5), fewer).probs
    assert (found[0, :, :3] > 0).all()
    assert (found[0, :, 3:] == 0).all()
    assert (found[1, :, [1, 3, 4]] == 0).all()
    assert torch.allclose(found.sum(dim=-1), torch.ones(2, 4, dtype=torch.float64))


@pytest.mark.parametrize(("ways", "shots"), [(2, 1), (3, 4), (5, 3)])
def test_one_set_of_weights_reads_any_ways_and_shots(ways, shots):
    labels = torch.arange(ways).repeat(2, shots)
    x = torch.randn(2, ways * shots, 5, dtype=torch.float64)
    found = predicted(build(max_ways=5), Tasks(x, labels, x, labels)).probs
    assert found.shape == (2, ways * shots, 5)
    assert (found[..., :ways] > 0).all()


def test_a_gradient_reaches_every_layer_and_every_example(vectors):
    learner, x = build(), vectors.support_x.requires_grad_()
    learner(vectors).backward()
    for name, parameter in learner.named_parameters():
        assert parameter.grad.abs().sum() > 0, name
    assert (x.grad.abs().sum(dim=-1) > 0).all()


def test_it_learns_images_by_heart_under_ever_new_labels_and_wrong_labels_give_chance(tasks):
    torch.manual_seed(0)
    encoder = Conv4(channels=8, normalisation="group")
    learner = InContextTransformer(
        encoder, encoder.num_features, max_ways=3, channels=32, num_blocks=2, num_heads=2, hidden=64
    )
    optimiser = torch.optim.Adam(learner.train().parameters(), lr=3e-3)
    for _ in range(150):
        optimiser.zero_grad()
        learner(tasks).backward()
        optimiser.step()
    learner.eval()
    found = []
    for shift in range(3):
        misled = tasks._replace(support_y=(tasks.support_y + shift) % 3)
        found.append((predicted(learner, misled).probs.argmax(dim=-1) == tasks.query_y).double().mean().item())
    assert found[0] > 0.85
    assert abs(sum(found) / 3 - 1 / 3) < 0.1


def test_labels_beyond_the_slots_are_refused(vectors):
    learner = build(max_ways=2)
    for call in (lambda: learner.adapt(vectors.support_x, vectors.support_y), lambda: learner(vectors)):
        with pytest.raises(UserError, match=r"label 2.*built for 2 ways"):
            call()


def test_an_empty_support_is_refused(vectors):
    with pytest.raises(UserError, match="support is empty"):
        build().adapt(vectors.support_x[:, :0], vectors.support_y[:, :0])


def test_queries_of_another_number_of_tasks_are_refused(vectors):
    learner = build()
    state = learner.adapt(vectors.support_x, vectors.support_y)
    with pytest.raises(UserError, match="state holds 2 tasks"):
        learner.predict(state, vectors.query_x[:1])
