"""Every learner we ship obeys the laws. Adding a learner is adding a line to the list."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import avg_pool2d, one_hot

import quickstudy
from quickstudy.core import Learner, Tasks, UserError, leaves
from quickstudy.learners import (
    BLUR,
    CNP,
    LSTM,
    MAML,
    MANN,
    SNAIL,
    SRWM,
    TNP,
    VSML,
    AmortisedGP,
    AttentiveCNP,
    AutoencoderNearest,
    AveragedGP,
    CNPClassifier,
    ContrastiveEncoder,
    ConvCNP,
    DeltaNet,
    GridConvCNP,
    Hypernetwork,
    InContextTransformer,
    KernelTransformer,
    MetaNet,
    Nearest,
    NeuralProcess,
    Plastic,
    ProtoNet,
    Reptile,
    StandardisedMeans,
)
from quickstudy.networks import Conv4
from quickstudy.networks.functional import FunctionalConv4, FunctionalNetwork, FunctionalPerceptron
from quickstudy.networks.pooled_pixels import PooledPixels
from quickstudy.networks.shared_cells import SharedCell, dense_cells, set_backpropagation
from quickstudy.tasks import Episodes, GaussianProcesses, Layout, PointLayout
from quickstudy.testing import answers_along, check_causality, check_learner
from quickstudy.testing.comparing import summary

SIDE = 14  # Of images, in pixels: half of the usual is a quarter of the arithmetic, and the laws are the same.
PIXELS = SIDE**2


def _encoder(**options) -> Conv4:
    return Conv4(channels=8, image_size=SIDE, **options)


def _cnp(decoder: str, num_ways: int = 3) -> CNPClassifier:
    encoder = _encoder(blocks=3)
    return CNPClassifier(encoder, encoder.num_features, decoder=decoder, num_ways=num_ways)


def _snail(max_ways: int = 3, max_examples: int = 6) -> SNAIL:
    encoder, sizes = _encoder(), ((8, 8), (16, 16), (16, 16))
    reach = {"max_ways": max_ways, "max_examples": max_examples}
    # Labels as loud as our recipe has them: it learns in half the steps.
    alike = {"label_scale": 8.0, "equal_lengths": True}
    return SNAIL(encoder, encoder.num_features, filters=16, attention=sizes, **reach, **alike)


def _transformer(max_ways: int = 3, **options: Any) -> InContextTransformer:
    encoder = _encoder()
    sizes = {"channels": 32, "num_blocks": 2, "num_heads": 2, "hidden": 64}
    return InContextTransformer(encoder, encoder.num_features, max_ways=max_ways, **sizes, **options)


def _plastic(max_ways: int = 3, **options) -> Plastic:
    encoder = _encoder()
    return Plastic(encoder, encoder.num_features, max_ways=max_ways, **options)


def _hypernetwork() -> Hypernetwork:
    encoder = _encoder()
    return Hypernetwork(encoder, encoder.num_features, hidden=32, embedding=16, width=32)


def _delta_net(max_ways: int = 3, **options) -> DeltaNet:
    encoder = _encoder()
    sizes = {"channels": 32, "num_heads": 4, "hidden": 64}
    return DeltaNet(encoder.num_features, encoder=encoder, max_ways=max_ways, **sizes, **options)


def _srwm() -> SRWM:
    encoder = _encoder()
    return SRWM(encoder.num_features, encoder=encoder, max_ways=3, channels=32, num_heads=4, hidden=64)


def _metanet(max_ways: int = 3, **options) -> MetaNet:
    encoder = _encoder(downsampling="pool", keep_edge=True)
    return MetaNet(encoder, encoder.map_shape, max_ways=max_ways, num_features=16, sharpness=10.0, **options)


def _contrastive(**options) -> ContrastiveEncoder:
    encoder = _encoder()
    return ContrastiveEncoder(encoder, encoder.num_features, **options)


def _blur(num_ways: int = 3, rate: float = -0.001, **options) -> BLUR:
    encoder = PooledPixels((1, SIDE, SIDE), 7, mean=0.2, deviation=0.3)
    learner = BLUR(49, num_ways, start="gradient", encoder=encoder, synapse_scale=0.3, updates=(5, 5), **options)
    # A genome at random may stay at chance. Feedback is the answer, not the error, so this one ascends.
    learner.genome.set_gradient(rate)
    return learner


def _vsml(num_ways: int = 3) -> VSML:
    encoder, cell = PooledPixels((1, SIDE, SIDE), 7, mean=0.2, deviation=0.3), SharedCell(micro_ticks=1)
    # Cells at random stay at chance for hundreds of steps. These begin as back-propagation.
    set_backpropagation(cell, rate=20.0, signal=0.1)
    return VSML(dense_cells(encoder.num_features, num_ways), cell, encoder=encoder, backward_pass=True)


def _network(num_ways: int, **options) -> FunctionalConv4:
    return FunctionalConv4(num_ways, channels=8, image_size=SIDE, head_deviation=0.1, **options)


def _maml(num_ways: int = 3, **options) -> MAML:
    return MAML(_network(num_ways, blocks=3), **options)


def _reptile(network: FunctionalNetwork, **options) -> Reptile:
    return Reptile(network, inner_steps=3, test_steps=5, inner_rate=1e-2, **options)


LEARNERS = {
    "nearest": Nearest,
    "nearest by code": lambda: AutoencoderNearest(PIXELS, hidden=64),
    "standardised means": StandardisedMeans,
    "kernel transformer": lambda: KernelTransformer(channels=16, hidden=16),
    "means of directions": lambda: StandardisedMeans(by_direction=True),
    "protonet": lambda: ProtoNet(_encoder()),
    "protonet with max-pooling": lambda: ProtoNet(_encoder(downsampling="pool", blocks=3)),
    "protonet with group normalisation": lambda: ProtoNet(_encoder(normalisation="group", blocks=3)),
    "cnp, shared decoder": lambda: _cnp("shared"),
    "cnp, concatenated decoder": lambda: _cnp("concatenated"),
    "cnp, with places to spare": lambda: _cnp("concatenated", num_ways=5),
    "mann": lambda: MANN(
        PIXELS, max_ways=3, hidden=64, slots=16, width=10, heads=2, labels_come="at once", key_strength=True
    ),
    "lstm": lambda: LSTM(PIXELS, max_ways=3, hidden=64, labels_come="at once"),
    "meta networks": _metanet,
    "meta networks, with slots to spare": lambda: _metanet(5),
    "meta networks, of second order": lambda: _metanet(second_order=True, cells=None),
    "contrastive encoder": _contrastive,
    "contrastive encoder, without its projection": lambda: _contrastive(projects_at_test=False),
    "maml": _maml,
    "maml of first order, with slots to spare": lambda: _maml(5, first_order=True, test_steps=3),
    "maml without transduction": lambda: MAML(FunctionalPerceptron(PIXELS, (32, 16), 3), is_transductive=False),
    "anil, with rates learnt": lambda: _maml(adapts="head", learns_rates=True),
    "reptile": lambda: _reptile(
        FunctionalConv4(3, channels=8, blocks=2, image_size=SIDE, pooling="none", head_deviation=0.1)
    ),
    "reptile without transduction": lambda: _reptile(FunctionalPerceptron(PIXELS, (32, 16), 3), is_transductive=False),
    "snail": _snail,
    "snail, with slots to spare": lambda: _snail(5, 10),
    "hypernetwork": _hypernetwork,
    "plastic": lambda: _plastic(width=32),
    "plastic by hebb's rule, with slots to spare": lambda: _plastic(5, rule="hebb"),
    "delta net": _delta_net,
    "delta net, with slots to spare": lambda: _delta_net(5, features="dpfp", labels_come="late"),
    "linear fast weights": lambda: _delta_net(rule="sum"),
    "self-referential weights": _srwm,
    "in-context transformer": _transformer,
    "in-context transformer, with slots to spare": lambda: _transformer(5),
    "in-context transformer, equal classes": lambda: _transformer(equal_classes=True),
    "blur": lambda: _blur(hidden=()),
    "blur, with outputs to spare": lambda: _blur(5, hidden=()),
    "blur, of back-propagation": lambda: _blur(rate=0.003, rule="backpropagation"),
    "vsml": _vsml,
    "vsml, with slots to spare": lambda: _vsml(5),
}


LEARNERS_OF_FUNCTIONS = {
    "amortised gaussian processes": lambda: AmortisedGP(hidden=32),
    "averaged gaussian processes": AveragedGP,
    "cnp": lambda: CNP(hidden=32),
    "cnp in units of a data set": lambda: CNP(hidden=32, has_units=True),
    "maml": lambda: MAML(FunctionalPerceptron(1, (16, 16), 1, normalises=False), answers="values", inner_rate=0.01),
    "attentive cnp": lambda: AttentiveCNP(channels=32, num_heads=4),
    "tnp": lambda: TNP(channels=32, num_blocks=2, hidden=64),
    "tnp, autoregressive": lambda: TNP(channels=32, num_blocks=2, hidden=64, is_autoregressive=True),
    "convolutional cnp": lambda: ConvCNP(points_per_unit=8.0, channels=16, dilations=(1, 2)),
    "neural process": lambda: NeuralProcess(hidden=32, latent=8),
    "neural process, with a direct path": lambda: NeuralProcess(
        hidden=32, latent=8, has_direct_path=True, objective="likelihood", training_samples=4
    ),
}


LEARNERS_OF_PIXELS = {
    "convolutional cnp on the grid": lambda: GridConvCNP(grid=(7, 9), channels=16, blocks=2),
}

EVERY_LEARNER = [
    pytest.param(kind, name, id=f"{name}, of {kind}")
    for kind, learners in (("classes", LEARNERS), ("functions", LEARNERS_OF_FUNCTIONS), ("pixels", LEARNERS_OF_PIXELS))
    for name in learners
]
of_every_learner = pytest.mark.parametrize(("kind", "name"), EVERY_LEARNER)


@pytest.fixture
def adapted(kind: str, name: str, small_tasks: Tasks, generator: torch.Generator) -> tuple[Learner, Any, Tasks]:
    """A learner in eval mode, its state of tasks of unequal length, and those tasks."""
    if kind == "classes":
        learner, drawn = LEARNERS[name](), small_tasks
    elif kind == "functions":
        learner, drawn = LEARNERS_OF_FUNCTIONS[name](), GaussianProcesses(PointLayout(6, 5)).sample(4, generator)
    else:
        drawn = GaussianProcesses(PointLayout(6, 5, 0.0, 1.0, inputs=2)).sample(4, generator)
        learner = LEARNERS_OF_PIXELS[name]()
    mask = torch.arange(6) < torch.tensor([6, 5, 4, 6])[:, None]
    learner.eval()
    return learner, learner.adapt(drawn.support_x, drawn.support_y, mask), drawn


@of_every_learner
def test_every_state_can_be_stored(adapted: tuple[Learner, Any, Tasks], tmp_path: Path) -> None:
    learner, state, tasks = adapted
    quickstudy.save_state(tmp_path / "state.safetensors", state)
    torch.save(state, tmp_path / "state.pt")
    stored = (
        quickstudy.load_state(tmp_path / "state.safetensors"),
        torch.load(tmp_path / "state.pt"),
        pickle.loads(pickle.dumps(state)),
    )
    expected = summary(learner.predict(state, tasks.query_x))
    for other in stored:
        assert type(other) is type(state)
        assert torch.equal(summary(learner.predict(other, tasks.query_x)), expected)


@of_every_learner
def test_no_queries_get_no_answers(adapted: tuple[Learner, Any, Tasks]) -> None:
    learner, state, tasks = adapted
    prediction = learner.predict(state, tasks.query_x[:, :0])
    assert prediction.batch_shape[:2] == (4, 0)
    assert summary(prediction).shape[:2] == (4, 0)


@of_every_learner
def test_without_gradients_it_answers_alike_and_nothing_holds_a_graph(adapted: tuple[Learner, Any, Tasks]) -> None:
    learner, _, tasks = adapted

    def answered() -> tuple[torch.Tensor, list[bool]]:
        state = learner.adapt(tasks.support_x, tasks.support_y)
        found = summary(learner.predict(state, tasks.query_x))
        return found.detach(), [tensor.requires_grad for tensor in (*leaves(state), found)]

    before = [parameter.requires_grad for parameter in learner.parameters()]
    expected, _ = answered()
    learner.switch_gradients_off()
    found, holds_graphs = answered()
    assert not any(holds_graphs)
    assert torch.allclose(found, expected, atol=1e-5)
    learner.train()
    assert [parameter.requires_grad for parameter in learner.parameters()] == before


@of_every_learner
def test_arrays_are_answered_as_tensors_are(adapted: tuple[Learner, Any, Tasks]) -> None:
    learner, _, tasks = adapted
    whole = learner.adapt(tasks.support_x, tasks.support_y)
    expected = summary(learner.predict(whole, tasks.query_x))
    arrays = [field.double().numpy() if field.is_floating_point() else field.int().numpy() for field in tasks]
    found = summary(learner.predict(learner.adapt(*arrays[:2]), arrays[2]))
    assert torch.allclose(found.to(expected), expected, atol=1e-6)
    listed = learner.predict(whole, tasks.query_x.tolist())
    assert torch.allclose(summary(listed).to(expected), expected, atol=1e-6)


@of_every_learner
def test_nan_is_refused_in_support_and_query(adapted: tuple[Learner, Any, Tasks]) -> None:
    learner, state, tasks = adapted
    support_x, query_x = tasks.support_x.clone(), tasks.query_x.clone()
    support_x[2, 1] = query_x[3, 0] = torch.nan
    with pytest.raises(UserError, match=r"support_x holds numbers that are NaN or infinite.*task 2, example 1"):
        learner.adapt(support_x, tasks.support_y)
    with pytest.raises(UserError, match=r"query_x holds numbers that are NaN or infinite.*task 3, example 0"):
        learner.predict(state, query_x)


@of_every_learner
def test_examples_of_another_shape_are_refused_with_one_message(adapted: tuple[Learner, Any, Tasks]) -> None:
    learner, state, tasks = adapted
    larger = [torch.cat([x, x[..., -1:]], dim=-1) for x in (tasks.support_x, tasks.query_x)]
    with pytest.raises(UserError, match=r"shape .* but|Inputs .* but"):
        learner.predict(state, larger[1])
    # These read inputs of any shape, as long as support and queries have the same.
    if isinstance(learner, AveragedGP | KernelTransformer | Nearest | StandardisedMeans):
        return
    with pytest.raises(UserError, match=r"shape .* but|Inputs .* but"):
        learner.adapt(larger[0], tasks.support_y)


ONLINE_LEARNERS = {
    "snail": _snail,
    "plastic": _plastic,
    "delta net": _delta_net,
    "delta net, labels late": lambda: _delta_net(labels_come="late"),
    "linear fast weights": lambda: _delta_net(rule="sum"),
    "self-referential weights": _srwm,
    "mann": LEARNERS["mann"],
    "vsml": _vsml,
    "lstm, labels late": lambda: LSTM(PIXELS, max_ways=3, hidden=64),
    "feed-forward, labels late": lambda: LSTM(PIXELS, max_ways=3, hidden=64, is_recurrent=False),
    "cnp": lambda: CNP(PIXELS, 1, hidden=32),
    "neural process": lambda: NeuralProcess(PIXELS, 1, hidden=32, latent=8, has_direct_path=True),
}


@pytest.mark.parametrize("name", ONLINE_LEARNERS)
def test_supports_of_unequal_length_may_be_read_in_parts(name: str, small_tasks: Tasks) -> None:
    learner, exact = ONLINE_LEARNERS[name]().double().eval(), small_tasks.to("cpu", torch.float64)
    if name in ("cnp", "neural process"):
        x, y, query_x = exact.support_x.flatten(2), exact.support_y[..., None].double(), exact.query_x.flatten(2)
    else:
        x, y, query_x = exact.support_x, exact.support_y, exact.query_x
    # The last task has nothing in the second part, and the first nothing but its end.
    mask = torch.tensor([[0, 1, 1, 0, 0, 1], [1, 1, 0, 1, 1, 1], [1, 0, 0, 1, 0, 0], [1, 0, 1, 0, 0, 0]]).bool()
    state = learner.prior(4)
    for part in (slice(3), slice(3, 5), slice(5, 6)):
        if mask[:, part].any():
            state = learner.extend(state, x[:, part], y[:, part], mask[:, part])
    found = summary(learner.predict(state, query_x))
    for task, is_real in enumerate(mask):
        own = learner.adapt(x[[task]][:, is_real], y[[task]][:, is_real])
        assert torch.allclose(found[[task]], summary(learner.predict(own, query_x[[task]])), atol=1e-9)
    if name == "snail":
        assert state.num_examples.tolist() == [3, 5, 2, 2]


# They read examples in order; classes only, because causality concerns the label that follows each answer.
SEQUENCE_LEARNERS = {
    **{name: make for name, make in ONLINE_LEARNERS.items() if name not in ("cnp", "neural process")},
    "lstm, labels at once": LEARNERS["lstm"],
    "mann, labels late": lambda: MANN(PIXELS, max_ways=3, hidden=32, slots=8, width=6, heads=2),
}


@pytest.mark.parametrize("name", SEQUENCE_LEARNERS)
def test_no_sequence_learner_knows_what_comes_later(name: str, small_tasks: Tasks) -> None:
    check_causality(answers_along(SEQUENCE_LEARNERS[name]().eval()), small_tasks.support_x, small_tasks.support_y)


def test_the_blocks_of_snail_read_no_later_item(small_tasks: Tasks) -> None:
    snail = _snail().eval()

    def read(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        items = torch.cat([x, one_hot(y, 3).to(x.dtype)], dim=-1)
        return snail.blocks(items, torch.ones(items.shape[:2]))

    check_causality(read, snail.encoder(small_tasks.support_x).detach(), small_tasks.support_y, sees_own_label=True)


def test_strings_of_tasks_of_unequal_length_are_read_by_a_mask(generator: torch.Generator) -> None:
    learner = LSTM(4, labels="strings", hidden=16).double().eval()
    x = torch.rand(2, 3, 4, generator=generator, dtype=torch.float64)
    y = torch.randint(5, (2, 3, 5), generator=generator)
    y[0, 1] = 99
    mask = torch.tensor([[True, False, True], [True, True, True]])
    found = learner.predict(learner.adapt(x, y, mask), x).base_dist.logits
    alone = learner.predict(learner.adapt(x[:1, [0, 2]], y[:1, [0, 2]]), x[:1]).base_dist.logits
    assert torch.allclose(found[:1], alone, atol=1e-12)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_task_without_a_real_example_is_refused_by_every_classifier(name: str, small_tasks: Tasks) -> None:
    mask = torch.ones(4, 6, dtype=torch.bool)
    mask[2] = False
    with pytest.raises(UserError, match="leaves task 2"):
        LEARNERS[name]().eval().adapt(small_tasks.support_x, small_tasks.support_y, mask)


@pytest.mark.parametrize("name", LEARNERS_OF_FUNCTIONS)
def test_a_task_without_a_real_point_is_answered_as_with_an_empty_support(
    name: str, generator: torch.Generator
) -> None:
    learner = LEARNERS_OF_FUNCTIONS[name]().double().eval()
    x, y, query_x, _ = GaussianProcesses(PointLayout(6, 5)).sample(3, generator).to("cpu", torch.float64)
    mask = torch.tensor([6, 0, 3])[:, None] > torch.arange(6)
    if name == "maml":
        with pytest.raises(UserError, match="support is empty"):
            learner.adapt(x, y, mask)
        return
    found = summary(learner.predict(learner.adapt(x, y, mask), query_x))
    empty = summary(learner.predict(learner.adapt(x[:, :0], y[:, :0]), query_x))
    assert torch.allclose(found[1], empty[1], atol=1e-9)
    none = summary(learner.predict(learner.adapt(x, y, mask & False), query_x))
    assert torch.allclose(none, empty, atol=1e-9)


@pytest.mark.parametrize("name", LEARNERS_OF_FUNCTIONS)
def test_every_learner_of_functions_obeys_the_laws(name: str, generator: torch.Generator) -> None:
    learner: Learner = LEARNERS_OF_FUNCTIONS[name]()
    check_learner(learner, GaussianProcesses(PointLayout(6, 5)).sample(4, generator))


@pytest.mark.parametrize("name", LEARNERS_OF_PIXELS)
def test_every_learner_of_pixels_obeys_the_laws(name: str, generator: torch.Generator) -> None:
    learner: Learner = LEARNERS_OF_PIXELS[name]()
    check_learner(learner, GaussianProcesses(PointLayout(6, 5, 0.0, 1.0, inputs=2)).sample(4, generator))


# How long they are trained: most know the few tasks by then.
STEPS = 75
MORE_STEPS = {
    "mann": 200,
    "lstm": 200,
    "meta networks, with slots to spare": 150,
    "snail": 100,
    "snail, with slots to spare": 100,
    "delta net": 150,
    "delta net, with slots to spare": 200,
    "linear fast weights": 200,
    "self-referential weights": 225,
    "in-context transformer": 200,
    "in-context transformer, with slots to spare": 200,
    "in-context transformer, equal classes": 200,
}


@pytest.fixture
def small_tasks(glyph_images, generator) -> Tasks:
    """As `tasks`, of images half as high and wide."""
    halved = avg_pool2d(glyph_images.float(), 28 // SIDE).round().to(glyph_images.dtype)
    return Episodes(halved, Layout(ways=3, shots=2, queries=3)).sample(4, generator)


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_obeys_the_laws(name: str, small_tasks: Tasks) -> None:
    learner: Learner = LEARNERS[name]()
    held = check_learner(learner, small_tasks, training_steps=MORE_STEPS.get(name, STEPS))
    assert "training beats chance" in held


@pytest.mark.parametrize("name", LEARNERS)
def test_every_classifiers_prediction_refuses_answers_of_another_shape(name: str, small_tasks: Tasks) -> None:
    tasks = small_tasks
    learner: Learner = LEARNERS[name]().eval()
    prediction = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)
    assert prediction.log_prob(tasks.query_y).shape == tasks.query_y.shape
    for answers in (tasks.query_y[..., None], tasks.query_y[:, :1], tasks.query_y[0]):
        with pytest.raises(UserError, match="was given, but the prediction is of values"):
            prediction.log_prob(answers)


@pytest.mark.parametrize("name", [*LEARNERS_OF_FUNCTIONS, *LEARNERS_OF_PIXELS])
def test_every_prediction_of_values_refuses_answers_of_another_shape(name: str, generator: torch.Generator) -> None:
    inputs = 2 if name in LEARNERS_OF_PIXELS else 1
    tasks = GaussianProcesses(PointLayout(6, 5, 0.0, 1.0, inputs=inputs)).sample(4, generator)
    learner: Learner = {**LEARNERS_OF_FUNCTIONS, **LEARNERS_OF_PIXELS}[name]().eval()
    prediction = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)
    assert prediction.log_prob(tasks.query_y).shape == (4, 5)
    for answers in (tasks.query_y.squeeze(-1), tasks.query_y[:, :1], tasks.query_y[0]):
        with pytest.raises(UserError, match="was given, but the prediction is of values"):
            prediction.log_prob(answers)
