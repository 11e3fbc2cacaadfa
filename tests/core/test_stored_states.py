"""States are stored without pickle, whole, and what is no state is refused with one message."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import quickstudy
from quickstudy.core import UserError, leaves, load_state, register_state, save_checkpoint, save_state
from quickstudy.learners import Nearest


@register_state
class Inner(NamedTuple):
    keys: Tensor
    is_real: tuple[Tensor, ...] = ()


@register_state
class Outer(NamedTuple):
    mean: Tensor
    layers: tuple[Inner, ...]
    nothing: tuple[()]


class Stranger(NamedTuple):
    mean: Tensor


@pytest.fixture
def state() -> Outer:
    both = torch.rand(4, 3)
    inner = Inner(both[:, :2], (torch.tensor([True, False, True, False]),))
    return Outer(both.to(torch.bfloat16), (inner, Inner(both), Inner(torch.zeros(4, 0).double())), ())


def test_a_stored_state_is_itself_again(state: Outer, tmp_path: Path) -> None:
    save_state(tmp_path / "state.safetensors", state)
    found = load_state(str(tmp_path / "state.safetensors"))
    assert isinstance(found, Outer)
    assert [type(layer) for layer in found.layers] == [Inner] * 3
    assert found.nothing == ()
    for before, after in zip(leaves(state), leaves(found), strict=True):
        assert after.dtype == before.dtype
        assert torch.equal(after, before)


def test_a_stored_state_keeps_no_gradients(tmp_path: Path) -> None:
    save_state(tmp_path / "state", Inner(torch.ones(2, 1, requires_grad=True)))
    assert not load_state(tmp_path / "state").keys.requires_grad


def test_a_tensor_and_a_plain_tuple_are_states_too(tmp_path: Path) -> None:
    save_state(tmp_path / "state", (torch.arange(3), ()))
    assert load_state(tmp_path / "state")[0].tolist() == [0, 1, 2]
    save_state(tmp_path / "tensor", torch.arange(2))
    assert load_state(tmp_path / "tensor").tolist() == [0, 1]


def test_registered_classes_pass_through_torch_load_as_it_is(state: Outer, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "state.pt")
    found = torch.load(tmp_path / "state.pt")
    assert isinstance(found, Outer)
    assert torch.equal(found.layers[1].keys, state.layers[1].keys)


def test_a_state_is_read_by_a_program_that_has_loaded_no_learner(tmp_path: Path) -> None:
    learner = Nearest()
    quickstudy.save_state(tmp_path / "state", learner.adapt(torch.rand(1, 2, 3), torch.tensor([[0, 1]])))
    program = (
        f"import quickstudy; assert quickstudy.load_state({str(tmp_path / 'state')!r}).examples.shape == (1, 2, 3)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_state_of_a_stranger_is_refused_when_stored(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Stranger, which is not registered.*register_state"):
        save_state(tmp_path / "state", Stranger(torch.ones(1)))
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_tensor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="holds int"):
        save_state(tmp_path / "state", Inner(3))  # type: ignore[arg-type]


def test_weights_are_no_state(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "weights.safetensors", {"weight": torch.ones(1)}, {"recipe": "omniglot-protonet"})
    with pytest.raises(UserError, match="it holds no state"):
        load_state(tmp_path / "weights.safetensors")


def test_a_missing_file_a_folder_and_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        load_state(tmp_path / "nothing")
    (tmp_path / "text").write_text("hello")
    torch.save(torch.ones(1), tmp_path / "pickle.pt")
    for path in (tmp_path, tmp_path / "text", tmp_path / "pickle.pt"):
        with pytest.raises(UserError, match="No state can be read"):
            load_state(path)


@pytest.mark.parametrize("kept", [0, 7, 100, -1])
def test_a_truncated_file_is_refused(state: Outer, kept: int, tmp_path: Path) -> None:
    save_state(tmp_path / "state", state)
    (tmp_path / "state").write_bytes((tmp_path / "state").read_bytes()[:kept])
    with pytest.raises(UserError, match="No state can be read"):
        load_state(tmp_path / "state")


@pytest.mark.parametrize(
    ("structure", "complaint"),
    [
        (["os.system", ["tensor"]], "os.system, a class that is not registered"),
        (["tuple", ["tensor", "tensor"]], "not that of a state"),
        (["tuple", []], "1 tensors were found"),
        (None, "not that of a state"),
        ([[], []], "not that of a state"),
        ({"state": 1}, "not that of a state"),
        ([f"{Inner.__module__}.Inner", []], "not that of a state"),
    ],
)
def test_a_structure_that_no_state_has_is_refused(structure: object, complaint: str, tmp_path: Path) -> None:
    metadata = {"quickstudy": json.dumps({"state": structure})}
    save_file({"0": torch.ones(1)}, tmp_path / "state", metadata=metadata)
    with pytest.raises(UserError, match=complaint):
        load_state(tmp_path / "state")
