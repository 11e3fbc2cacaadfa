import os
import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from quickstudy.core import UserError, checkpoint, load_checkpoint, read_header, save_checkpoint

HEADER = {"recipe": "omniglot-protonet", "arguments": {"shots": [1, 5], "jitter": None}, "accuracy": 0.1 + 0.2, "é": 1}


def half_a_file_then(error):
    def fail(tensors, path, metadata):
        with open(path, "wb") as file:
            file.write(b"half")
        raise error

    return fail


@pytest.mark.parametrize(
    "tensor",
    [
        torch.randn(3, 4),
        torch.randn(3, 4, dtype=torch.float64),
        torch.randn(5).bfloat16(),
        torch.arange(6).view(2, 3),
        torch.tensor([True, False]),
        torch.tensor(7),
        torch.zeros(0, 3),
        torch.randn(3, 4).T,
        torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last),
        torch.randn(10, 2)[3:5],
        nn.Parameter(torch.randn(2)),
    ],
)
def test_what_is_saved_is_loaded_bit_for_bit(tmp_path, tensor):
    save_checkpoint(tmp_path / "a.safetensors", {"some.name": tensor}, {})
    tensors, _ = load_checkpoint(tmp_path / "a.safetensors")
    assert list(tensors) == ["some.name"]
    assert tensors["some.name"].dtype == tensor.dtype
    assert torch.equal(tensors["some.name"], tensor)


def test_the_header_comes_back_as_it_went_in(tmp_path):
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, {"x": torch.ones(2)}, HEADER)
    assert load_checkpoint(path)[1] == HEADER
    assert read_header(path) == HEADER


def test_a_network_is_restored_whole(tmp_path):
    network, other = (nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)) for _ in range(2))
    network(torch.rand(4, 1, 5, 5))
    save_checkpoint(tmp_path / "a.safetensors", network.state_dict(), {})
    other.load_state_dict(load_checkpoint(tmp_path / "a.safetensors")[0])
    for key, value in network.state_dict().items():
        assert torch.equal(other.state_dict()[key], value), key


def test_loaded_tensors_do_not_change_with_a_later_checkpoint(tmp_path):
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, {"x": torch.arange(1000.0)}, {})
    tensors, _ = load_checkpoint(path)
    save_checkpoint(path, {"x": torch.zeros(1000)}, {})
    path.unlink()
    assert tensors["x"].sum() == 499_500


def test_writing_to_loaded_tensors_leaves_the_file_alone(tmp_path):
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, {"x": torch.ones(1000)}, {})
    load_checkpoint(path)[0]["x"].zero_()
    assert load_checkpoint(path)[0]["x"].sum() == 1000


def test_missing_folders_are_made_and_nothing_else_is_left_in_them(tmp_path):
    path = tmp_path / "runs" / "first" / "a.safetensors"
    save_checkpoint(path, {"x": torch.ones(2)}, {})
    assert list(path.parent.iterdir()) == [path]


def test_a_later_checkpoint_replaces_an_earlier_one(tmp_path):
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, {"x": torch.zeros(2)}, {"step": 1})
    save_checkpoint(path, {"y": torch.ones(2)}, {"step": 2})
    tensors, header = load_checkpoint(path)
    assert (list(tensors), header) == (["y"], {"step": 2})
    assert list(tmp_path.iterdir()) == [path]


def test_others_may_read_a_checkpoint(tmp_path):
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, {"x": torch.zeros(2)}, {})
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("error", [OSError("No space left on device"), KeyboardInterrupt()])
def test_a_failure_while_writing_leaves_nothing_behind(tmp_path, monkeypatch, error):
    monkeypatch.setattr(checkpoint, "save_file", half_a_file_then(error))
    with pytest.raises(type(error)):
        save_checkpoint(tmp_path / "a.safetensors", {"x": torch.ones(2)}, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", ["save_file", "os.fsync", "os.replace"])
def test_a_failure_at_any_step_leaves_the_checkpoint_before_it(tmp_path, monkeypatch, step):
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, {"x": torch.zeros(2)}, {"step": 1})

    def fail(*arguments, **options):
        raise OSError("the disk is gone")

    target, name = (os, step[3:]) if step.startswith("os.") else (checkpoint, step)
    monkeypatch.setattr(target, name, half_a_file_then(OSError("the disk is gone")) if step == "save_file" else fail)
    with pytest.raises(OSError, match="the disk is gone"):
        save_checkpoint(path, {"x": torch.ones(2)}, {"step": 2})
    assert list(tmp_path.iterdir()) == [path]
    assert load_checkpoint(path)[1] == {"step": 1}


def test_the_file_under_its_name_is_whole_at_any_time(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, {"x": torch.zeros(2)}, {"step": 1})
    seen = []

    def watched(*arguments, **options):
        save_file(*arguments, **options)
        seen.append(read_header(path))

    monkeypatch.setattr(checkpoint, "save_file", watched)
    save_checkpoint(path, {"x": torch.ones(2)}, {"step": 2})
    assert seen == [{"step": 1}]


def test_a_header_that_is_not_json_leaves_nothing_behind(tmp_path):
    with pytest.raises(TypeError, match="not JSON serializable"):
        save_checkpoint(tmp_path / "a.safetensors", {"x": torch.ones(2)}, {"step": torch.ones(2)})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read", [load_checkpoint, read_header])
def test_a_missing_file_is_named(tmp_path, read):
    with pytest.raises(UserError, match=r"no checkpoint at .*nothing\.safetensors"):
        read(tmp_path / "nothing.safetensors")


@pytest.mark.parametrize("read", [load_checkpoint, read_header])
@pytest.mark.parametrize("kept", [0, 4, 8, 20, 0.5, 0.9, -1])
def test_a_truncated_file_is_refused(tmp_path, read, kept):
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, {"x": torch.ones(100)}, HEADER)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    with pytest.raises(UserError, match=r"a\.safetensors is damaged or not a checkpoint"):
        read(path)


@pytest.mark.parametrize("content", [b"not a checkpoint at all", pickle.dumps({"x": 1}), b"\xff" * 64, b"\0" * 64])
@pytest.mark.parametrize("read", [load_checkpoint, read_header])
def test_a_foreign_file_is_refused(tmp_path, read, content):
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=r"damaged or not a checkpoint.*Train again, or copy it anew"):
        read(tmp_path / "a.safetensors")


@pytest.mark.parametrize("read", [load_checkpoint, read_header])
def test_a_folder_is_refused(tmp_path, read):
    with pytest.raises(UserError, match="damaged or not a checkpoint"):
        read(tmp_path)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
@pytest.mark.parametrize("read", [load_checkpoint, read_header])
def test_tensors_of_another_program_are_refused(tmp_path, read, metadata):
    save_file({"x": torch.ones(2)}, tmp_path / "a.safetensors", metadata=metadata)
    with pytest.raises(UserError, match="no quickstudy header"):
        read(tmp_path / "a.safetensors")


def test_a_damaged_header_is_refused(tmp_path):
    save_file({"x": torch.ones(2)}, tmp_path / "a.safetensors", metadata={"quickstudy": '{"step": 1'})
    with pytest.raises(UserError, match="damaged"):
        read_header(tmp_path / "a.safetensors")
