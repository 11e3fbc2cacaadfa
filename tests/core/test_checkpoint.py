import errno
import os
import pickle
import resource

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from quickstudy.core import (
    UserError,
    checkpoint,
    kept_weights,
    load_checkpoint,
    load_weights,
    read_header,
    save_checkpoint,
    unfinished_checkpoints,
)

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


@pytest.mark.parametrize("header", ["[]", "[1]", "null", "7", '"text"', "true"])
@pytest.mark.parametrize("read", [load_checkpoint, read_header])
def test_a_header_that_is_no_object_is_refused(tmp_path, read, header):
    save_file({"x": torch.ones(2)}, tmp_path / "a.safetensors", metadata={"quickstudy": header})
    with pytest.raises(UserError, match="not a JSON object"):
        read(tmp_path / "a.safetensors")


def test_a_disk_without_room_raises_the_systems_own_error_and_leaves_the_checkpoint_before_it(tmp_path):
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, {"x": torch.zeros(2)}, {"step": 1})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match=r"a\.safetensors") as raised:
            save_checkpoint(path, {"x": torch.zeros(1000)}, {"step": 2}, keep_as=tmp_path / "b.safetensors")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert raised.value.errno == errno.EFBIG
    assert list(tmp_path.iterdir()) == [path]
    assert read_header(path) == {"step": 1}


def test_the_checkpoint_before_is_kept_under_another_name(tmp_path):
    path, before = tmp_path / "a.safetensors", tmp_path / "before.safetensors"
    for step in range(3):
        save_checkpoint(path, {"x": torch.ones(2)}, {"step": step}, keep_as=before)
        assert before.exists() == (step > 0)
    assert (read_header(path), read_header(before)) == ({"step": 2}, {"step": 1})
    assert sorted(tmp_path.iterdir()) == [path, before]


def test_only_half_written_checkpoints_are_taken_for_such(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint.Path, "unlink", lambda *arguments, **options: None)  # As if killed.
    monkeypatch.setattr(checkpoint, "save_file", half_a_file_then(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path / "last.safetensors", {"x": torch.ones(2)}, {})
    left = list(tmp_path.iterdir())
    for name in (".mine.safetensors.backup", "last.safetensors", ".last.safetensors", ".last.safetensors.notes.txt"):
        (tmp_path / name).touch()
    assert unfinished_checkpoints(tmp_path) == left


def _network():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


def test_weights_in_half_or_double_precision_fill_a_network(tmp_path):
    for dtype in (torch.float16, torch.float64):
        network, weights = _network(), _network().state_dict()
        stored = {name: value.to(dtype) if value.is_floating_point() else value for name, value in weights.items()}
        load_weights(network, stored, tmp_path)
        assert network[0].weight.dtype == torch.float32
        assert torch.allclose(network[0].weight, weights["0.weight"], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("0.weight", None, "'0.weight' is missing. Train again"),
        ("2.weight", torch.ones(2), "'2.weight' is one too many. Train again"),
        ("0.weight", torch.ones(2), r"'0.weight' has shape \(2,\), not \(2, 1, 3, 3\)"),
        ("0.weight", torch.ones(2, 1, 3, 3).long(), "'0.weight' is of torch.int64, not torch.float32"),
        ("0.weight", torch.ones(2, 1, 3, 3).cfloat(), "'0.weight' is of torch.complex64"),
        ("1.num_batches_tracked", torch.tensor(1.0), "is of torch.float32, not torch.int64"),
        ("0.bias", torch.tensor([1.0, torch.nan]), "1 of the 2 numbers of '0.bias' are not finite"),
        ("1.running_var", torch.tensor([torch.inf, -torch.inf]), "2 of the 2 numbers of '1.running_var'"),
    ],
)
def test_weights_that_are_not_a_networks_own_or_no_numbers_are_refused(tmp_path, name, value, complaint):
    network = _network()
    before = {key: each.clone() for key, each in network.state_dict().items()}
    weights = {key: torch.zeros_like(each) for key, each in before.items()}
    if value is None:
        del weights[name]
    else:
        weights[name] = value
    with pytest.raises(UserError, match=complaint):
        load_weights(network, weights, tmp_path / "a.safetensors")
    assert all(torch.equal(each, before[key]) for key, each in network.state_dict().items())


def test_weights_of_quite_another_network_are_refused_in_one_short_message(tmp_path):
    with pytest.raises(UserError, match="and 14 more like this") as refused:
        load_weights(_network(), nn.LSTM(2, 2, num_layers=1, bidirectional=True).state_dict(), tmp_path / "a")
    assert len(str(refused.value)) < 300


def test_of_a_training_the_average_is_what_counts():
    tensors = {"learner.x": torch.zeros(1), "average.module.x": torch.ones(1), "average.n_averaged": torch.tensor(3)}
    assert kept_weights(tensors) == {"x": tensors["average.module.x"]}
    assert kept_weights({"learner.x": tensors["learner.x"]}) == {"x": tensors["learner.x"]}
