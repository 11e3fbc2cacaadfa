"""Learners of every family go on learning in their own way, and the figures are stored."""

import json
from pathlib import Path

import pytest
import torch

import continual
from quickstudy.learners import MAML, SNAIL, ProtoNet
from quickstudy.networks import Conv4
from quickstudy.networks.functional import FunctionalPerceptron

_X = torch.rand(2, 6, 8, generator=torch.Generator().manual_seed(0))
_Y = torch.tensor([[0, 1, 2, 2, 1, 0]]).expand(2, 6)


def _maml(**options) -> MAML:
    torch.manual_seed(0)
    return MAML(FunctionalPerceptron(8, (16,), 3), inner_rate=0.1, test_steps=3, **options).eval()


def test_mamls_inner_loop_starts_as_maml_adapts_and_goes_on_from_there() -> None:
    maml = _maml()
    contender, way = continual.going_on(maml)
    assert way == "inner loop goes on"
    state = contender.extend(contender.prior(2), _X, _Y)
    expected = maml.predict(maml.adapt(_X, _Y), _X).probs
    assert torch.allclose(contender.predict(state, _X).probs, expected, atol=1e-4)
    onward = contender.predict(contender.extend(state, _X, _Y), _X)
    maml.test_steps = 6
    assert torch.allclose(onward.probs, maml.predict(maml.adapt(_X, _Y), _X).probs, atol=1e-4)


def test_descent_leaves_the_first_weights_and_the_states_before_as_they_are() -> None:
    network = FunctionalPerceptron(8, (16,), 3)
    first = [weight.clone() for weight in network.parameters()]
    descent = continual.Descent(network, rate=0.1, steps=2)
    prior = descent.prior(2)
    before = descent.predict(prior, _X).logits
    descent.extend(prior, _X, _Y)
    assert torch.equal(descent.predict(prior, _X).logits, before)
    assert all(torch.equal(one, other) for one, other in zip(first, network.parameters(), strict=True))


def test_who_rereads_predicts_as_if_all_stages_were_one() -> None:
    learner = ProtoNet(torch.nn.Identity()).eval()
    contender, _ = continual.going_on(learner)
    state = contender.extend(contender.extend(contender.prior(2), _X[:, :3], _Y[:, :3]), _X[:, 3:], _Y[:, 3:])
    assert torch.equal(contender.predict(state, _X).probs, learner.predict(learner.adapt(_X, _Y), _X).probs)


def test_an_online_learner_goes_on_by_itself() -> None:
    encoder = Conv4(channels=4, image_size=14)
    learner = SNAIL(encoder, encoder.num_features, filters=4, attention=((4, 4), (4, 4)))
    assert continual.going_on(learner) == (learner, "extends its state")


@pytest.mark.usefixtures("made_up_omniglot")
def test_figures_are_stored_and_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(continual, "_RATES", (0.1,))
    monkeypatch.setattr(continual, "_STEPS", (2,))
    monkeypatch.setattr(continual, "_QUERIES", 1)
    options = continual.Options(
        out=tmp_path / "continual.json", sequences=2, tuning=1, picture=tmp_path / "continual.png"
    )
    assert continual.main(["omniglot-mann"], options) == 0
    record = json.loads(options.out.read_text(), parse_constant=pytest.fail)
    assert list(record["learners"]) == ["omniglot-mann", "plain SGD"]
    for row in record["learners"].values():
        assert [len(each) for each in row["matrix"]] == [1, 2, 3, 4, 5]
    assert options.picture is not None
    assert options.picture.stat().st_size > 10_000
    stored = continual.Options(out=options.out, stored=True)
    assert continual.main([], stored) == 0


def test_missing_data_are_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = continual.Options(out=tmp_path / "continual.json", data_root=tmp_path / "nowhere")
    assert continual.main([], options) == 2
    assert capsys.readouterr().err.startswith("continual: ")
