"""The recipes of VSML: one cell for prototypes and for characters."""

import torch

from quickstudy.recipes import build


def test_cells_of_both_recipes_have_the_same_weights() -> None:
    small, characters = (build(name, {}).learner.state_dict() for name in ("prototypes-vsml", "omniglot-vsml"))
    assert {name: value.shape for name, value in small.items()} == {
        name: value.shape for name, value in characters.items()
    }
    assert sum(value.numel() for value in small.values()) == 2384


def test_a_hidden_layer_is_built_if_its_units_are_given() -> None:
    learner = build("prototypes-vsml", {"hidden": 5}).learner
    assert [(layer.inputs, layer.outputs) for layer in learner.layers] == [(6, 5), (5, 2)]
    assert len(build("prototypes-vsml", {}).learner.layers) == 1


def test_the_options_of_cells_reach_the_learner() -> None:
    options = {"message_size": 4, "state_size": 6, "gate_offset": 2.0, "micro_ticks": 3, "backward_pass": True}
    learner = build("prototypes-vsml", {**options, "feed_label": True}).learner
    cell = learner.cell
    assert (cell.message_size, cell.state_size, cell.gate_offset, cell.micro_ticks) == (4, 6, 2.0, 3)
    assert learner.backward_pass
    assert learner.feed_label


def test_tests_of_prototypes_have_few_and_many_examples() -> None:
    tests = build("prototypes-vsml", {"support": 9, "inputs": 3}).test
    sizes = [source(None).sample(2, torch.Generator().manual_seed(0)).support_x.shape for source in tests.values()]
    assert sizes == [(2, 4, 3), (2, 9, 3)]


def test_characters_start_from_the_cell_of_prototypes() -> None:
    assert build("omniglot-vsml", {}).starts_from == "prototypes-vsml"
    assert set(build("omniglot-vsml", {"ways": 5}).test) == {"5-way 1-shot", "5-way 5-shot"}
