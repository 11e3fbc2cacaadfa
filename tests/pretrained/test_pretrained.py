from pathlib import Path

import pytest
import torch

import quickstudy
from quickstudy.core import Header, Parent, UserError, header_of, leaves, save_checkpoint, save_trained
from quickstudy.datasets import glyphs
from quickstudy.evaluation import evaluate, evaluate_instances
from quickstudy.learners import LSTM, InContextTransformer, ProtoNet
from quickstudy.networks import Conv4
from quickstudy.pretrained import adopt, describe, open_weights
from quickstudy.recipes import build
from quickstudy.tasks import Episodes, InstanceSequences, Layout, SequenceLayout

SHIPPED = (
    "glyphs-protonet",
    "omniglot-cnp",
    "omniglot-contrastive",
    "omniglot-delta-net",
    "omniglot-hypernetwork",
    "omniglot-mann",
    "omniglot-plastic",
    "omniglot-protonet",
    "omniglot-snail",
    "omniglot-transformer",
)


def test_shipped_weights_are_available() -> None:
    assert {*SHIPPED, "omniglot-nearest"} <= set(quickstudy.available())


@pytest.mark.parametrize("name", [*SHIPPED, "omniglot-srwm"])
def test_shipped_weights_load_offline_ready_to_predict(name: str) -> None:
    learner = quickstudy.load(name)
    assert not learner.training
    tasks = Episodes(glyphs.load(100, 8, seed=5), Layout(ways=5, shots=1, queries=5))
    assert evaluate(learner, tasks, 100).accuracy.mean > 0.85
    header = describe(name)
    assert header.recipe == name
    assert header.commit != "unknown"
    assert not header.commit.endswith("-dirty")


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_serve_any_ways_and_shots(name: str) -> None:
    learner = quickstudy.load(name)
    images = torch.rand(2, 7 * 3, 1, 28, 28)
    state = learner.adapt(images, torch.arange(7).repeat(2, 3))
    probabilities = learner.predict(state, images).probs  # Learners with label slots have some to spare.
    assert probabilities.shape[:2] == (2, 21)
    assert torch.allclose(probabilities[..., :7].sum(dim=-1), torch.ones(2, 21))


def test_shipped_weights_of_sequences_bind_labels_to_what_they_have_not_seen() -> None:
    learner = quickstudy.load("omniglot-mann-sequences")
    sequences = InstanceSequences(glyphs.load(100, 10, seed=5, size=20), SequenceLayout(5))
    table = evaluate_instances(learner, sequences, 100)
    assert table.accuracy[0].mean < 0.457
    assert table.accuracy[1].mean > 0.6


def test_weights_load_whatever_the_random_state_and_leave_it_alone() -> None:
    before = torch.get_rng_state()
    one = quickstudy.load("glyphs-protonet").state_dict()
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(1)
    other = quickstudy.load("glyphs-protonet").state_dict()
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_loaded_learner_answers_without_gradients_until_it_trains() -> None:
    x = torch.tensor([-1.5, -0.8, 0.1, 0.9, 1.3]).view(1, 5, 1)
    learner = quickstudy.load("gp-general")
    prediction = learner.predict(learner.adapt(x, (3 * x).sin()), torch.linspace(-2, 2, 9).view(1, 9, 1))
    assert prediction.mean.numpy().shape == (1, 9, 1)
    assert not any(leaf.requires_grad for leaf in leaves(learner.adapt(x, x)))
    learner.train()
    assert all(parameter.requires_grad for parameter in learner.parameters())


def test_gradients_are_there_for_who_asks_for_them() -> None:
    learner = quickstudy.load("glyphs-protonet", gradients=True)
    assert not learner.training
    assert all(parameter.requires_grad for parameter in learner.parameters())
    assert learner.adapt(torch.rand(1, 2, 1, 28, 28), torch.tensor([[0, 1]])).prototypes.requires_grad


@pytest.mark.parametrize("name", ["omniglot-maml", "omniglot-maml-dense", "omniglot-reptile", "omniglot-metanet"])
def test_learners_that_adapt_by_gradients_answer_alike_without_any_of_their_weights(name: str) -> None:
    tasks = Episodes(glyphs.load(20, 8, seed=5), Layout(ways=5, shots=1, queries=2)).sample(
        2, torch.Generator().manual_seed(0)
    )
    one, other = quickstudy.load(name), quickstudy.load(name, gradients=True)
    state = one.adapt(tasks.support_x, tasks.support_y)
    assert not any(leaf.requires_grad for leaf in leaves(state))
    found, expected = (
        learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x).probs
        for learner in (one, other)
    )
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["omniglot-protonet", "omniglot-mann", "omniglot-maml", "omniglot-nearest"])
def test_drawings_of_0_to_255_and_paper_of_one_do_not_pass_in_silence(name: str) -> None:
    images, labels = glyphs.load(5, 1, seed=5).view(1, 5, 1, 28, 28), torch.arange(5)[None]
    learner = quickstudy.load(name)
    with pytest.raises(UserError, match=r"support_x holds 255, but .* Divide images of 0 to 255 by 255"):
        learner.adapt(images.float(), labels)
    state = learner.adapt(images, labels)
    with pytest.raises(UserError, match="query_x holds 255"):
        learner.predict(state, images.float())
    scaled = learner.predict(learner.adapt(images / 255, labels), images / 255).probs
    assert torch.equal(learner.predict(state, images).probs, scaled)
    with pytest.warns(UserWarning, match="Pass 1 - images"):
        learner.adapt(1 - images / 255, labels)


def test_a_name_of_nothing_is_refused_with_what_there_is() -> None:
    with pytest.raises(UserError, match=r"Did you mean glyphs-protonet"):
        quickstudy.load("glyphs-protonett")
    with pytest.raises(UserError, match="Train it first: quickstudy train omniglot-cnp-paper"):
        quickstudy.load("omniglot-cnp-paper")


def test_a_run_without_weights_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"begin one with --out {tmp_path}"):
        quickstudy.load(tmp_path)
    header = {
        "format": 2,
        "recipe": "glyphs-protonet",
        "arguments": {},
        "position": {"step": 3, "failed_validations": 0},
    }
    save_checkpoint(tmp_path / "last.safetensors", {}, header)
    with pytest.raises(UserError, match=f"quickstudy train glyphs-protonet --resume {tmp_path}"):
        quickstudy.load(tmp_path)


def test_a_run_whose_looks_gave_no_numbers_is_not_told_to_go_on(tmp_path: Path) -> None:
    header = {
        "format": 2,
        "recipe": "glyphs-protonet",
        "arguments": {},
        "position": {"step": 3, "failed_validations": 3},
    }
    save_checkpoint(tmp_path / "last.safetensors", {}, header)
    with pytest.raises(UserError, match=r"no validation gave finite numbers.*last\.safetensors") as refused:
        quickstudy.load(tmp_path)
    assert "--resume" not in str(refused.value)


def test_the_last_checkpoint_of_a_training_is_read_like_its_best(tmp_path: Path) -> None:
    weights = build("glyphs-protonet", {}).learner.state_dict()
    header = {"format": 2, "recipe": "glyphs-protonet", "arguments": {}, "position": {"step": 3}}
    tensors = {f"learner.{name}": value for name, value in weights.items()}
    save_checkpoint(tmp_path / "last.safetensors", {**tensors, "random.cpu": torch.get_rng_state()}, header)
    loaded = quickstudy.load(tmp_path / "last.safetensors").state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in weights.items())


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    weights = build("glyphs-protonet", {"downsampling": "pool"}).learner.state_dict()
    del weights["encoder.blocks.0.weight"]
    save_checkpoint(path, weights, {"format": 2, "recipe": "glyphs-protonet", "arguments": {}})
    with pytest.raises(UserError, match="do not fit"):
        quickstudy.load(path)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    weights = build("glyphs-protonet", {}).learner.state_dict()
    weights["encoder.blocks.0.weight"][0] = torch.nan
    save_checkpoint(tmp_path / "best.safetensors", weights, {"format": 2, "recipe": "glyphs-protonet", "arguments": {}})
    with pytest.raises(UserError, match=r"numbers of 'encoder\.blocks\.0\.weight' are not finite"):
        quickstudy.load(tmp_path)


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        ({}, "its header lacks the number of its format"),
        ({"format": 2, "recipe": "glyphs-protonet"}, "its header lacks the recipe's arguments"),
        ({"format": 2, "arguments": {}}, "its header lacks the name of a recipe"),
        ({"format": 2, "recipe": 7, "arguments": {}}, "its header lacks the name of a recipe"),
        ({"format": 2, "recipe": "glyphs-protonet", "arguments": []}, "its header lacks the recipe's arguments"),
        ({"format": 2, "recipe": "glyphs-protonet", "arguments": None}, "its header lacks the recipe's arguments"),
        (
            {"format": 2, "recipe": "protonet-of-tomorrow", "arguments": {}},
            "which this version of quickstudy does not have",
        ),
        ({"format": 2, "recipe": "glyphs-protonet", "arguments": {"colour": 1}}, "has no argument colour"),
        (
            {"format": 2, "recipe": "glyphs-protonet", "arguments": {"ways": "5"}},
            "ways = '5' was given, but a whole number was",
        ),
        (
            {"format": 2, "recipe": "glyphs-protonet", "arguments": {"pool": {"a": 1}}},
            "but two whole numbers or none was expected",
        ),
    ],
    ids=str,
)
def test_a_header_that_does_not_say_what_the_weights_are_is_refused(
    tmp_path: Path, header: dict, complaint: str
) -> None:
    save_checkpoint(tmp_path / "best.safetensors", build("glyphs-protonet", {}).learner.state_dict(), header)
    with pytest.raises(UserError, match=complaint) as refused:
        quickstudy.load(tmp_path)
    assert len(str(refused.value)) < 400


def _copied(learner: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in learner.state_dict().items()}


def test_a_learner_begins_with_another_ones_encoder_and_keeps_the_rest_of_its_own() -> None:
    encoder = Conv4(downsampling="pool")
    learner = InContextTransformer(encoder, encoder.num_features)
    before, theirs = _copied(learner), quickstudy.load("omniglot-protonet").state_dict()
    adopted = adopt(learner, "omniglot-protonet")
    (taken,) = adopted.taken
    assert taken == tuple(sorted(theirs))
    assert adopted.parents == (Parent("omniglot-protonet", describe("omniglot-protonet")),)
    assert adopted.reinitialised == tuple(sorted({key.split(".")[0] for key in before} - {"encoder"}))
    after = learner.state_dict()
    assert all(torch.equal(after[key], theirs[key]) for key in taken)
    assert all(torch.equal(after[key], before[key]) for key in before.keys() - taken)


def test_what_has_another_shape_is_left_as_it_was() -> None:
    learner = ProtoNet(Conv4(in_channels=3))
    before = _copied(learner)
    adopted = adopt(learner, "glyphs-protonet")
    assert adopted.reinitialised == ("encoder.blocks.0",)
    assert before.keys() - adopted.taken[0] == {"encoder.blocks.0.weight"}
    assert torch.equal(learner.encoder.blocks[0].weight, before["encoder.blocks.0.weight"])


@pytest.mark.parametrize("name", ["glyphs-protonet", "glyphs-nearest"])
def test_beginning_with_weights_of_which_nothing_fits_is_refused(name: str) -> None:
    learner = LSTM(784, max_ways=5, hidden=16)
    before = _copied(learner)
    with pytest.raises(UserError, match=f"Nothing of '{name}' fits.*LSTM"):
        adopt(learner, name)
    assert all(torch.equal(value, before[key]) for key, value in learner.state_dict().items())


def _half(folder: Path, part: str, value: float) -> Path:
    """A run folder of weights of which all that are below one part have this value."""
    weights = build("glyphs-protonet", {}).learner.state_dict()
    changed = {key: torch.full_like(each, value) if key.startswith(part) else each for key, each in weights.items()}
    save_trained(folder / "best.safetensors", changed, Header(recipe="glyphs-protonet", seed=int(value)))
    return folder


def test_of_a_tensor_that_several_have_the_last_one_counts(tmp_path: Path) -> None:
    runs = [_half(tmp_path / str(number), "encoder", number) for number in (1, 2)]
    learner = ProtoNet(Conv4())
    adopted = adopt(learner, *runs)
    assert (learner.encoder.blocks[0].weight == 2).all()
    assert [parent.name for parent in adopted.parents] == list(map(str, runs))
    assert [parent.header.seed for parent in adopted.parents] == [1, 2]
    assert adopted.reinitialised == ()


def test_where_one_of_several_does_not_fit_the_learner_stays_as_it_was(tmp_path: Path) -> None:
    learner = ProtoNet(Conv4())
    before = _copied(learner)
    with pytest.raises(UserError, match="Nothing of 'glyphs-nearest' fits"):
        adopt(learner, _half(tmp_path, "encoder", 1), "glyphs-nearest")
    assert all(torch.equal(value, before[key]) for key, value in learner.state_dict().items())


def test_opened_weights_are_an_experiment_with_them_and_their_header() -> None:
    header, experiment = open_weights("glyphs-protonet")
    assert header == describe("glyphs-protonet")
    assert experiment.optimisation.tasks_per_step == header.arguments["tasks_per_step"]
    assert not experiment.learner.training
    expected = quickstudy.load("glyphs-protonet").state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in experiment.learner.state_dict().items())
    assert open_weights("glyphs-nearest").header == Header(recipe="glyphs-nearest")


def test_an_experiment_is_built_once_to_load_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    monkeypatch.setattr("quickstudy.pretrained.build", lambda *given: (built.append(given), build(*given))[1])
    quickstudy.load("glyphs-protonet")
    assert len(built) == 1
    adopt(ProtoNet(Conv4()), "glyphs-protonet")
    assert len(built) == 2


@pytest.mark.parametrize(
    "name", [name for name in quickstudy.available() if not name.endswith(("-nearest", "-means", "-gp"))]
)
def test_every_shipped_header_survives_being_stored_again(name: str, tmp_path: Path) -> None:
    header = describe(name)
    assert header.is_trained
    save_trained(tmp_path / "a.safetensors", {"x": torch.ones(1)}, header)
    assert header_of(tmp_path / "a.safetensors") == header
