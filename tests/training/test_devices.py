import logging
import os

import pytest
import torch

from quickstudy.core import UserError
from quickstudy.core.optimisation import Precision
from quickstudy.training import devices
from quickstudy.training.devices import launched, usable_precision


def test_bfloat16_is_for_processors_that_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for has, expected in ((True, "bf16-mixed"), (False, "32-true")):
        monkeypatch.setattr(devices, "has_fast_bfloat16", lambda has=has: has)
        assert usable_precision("bf16-mixed", torch.device("cpu")) == expected
        assert usable_precision("64-true", torch.device("cpu")) == "64-true"


def test_accelerators_keep_the_precision_of_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "has_fast_bfloat16", lambda: False)
    for kind in ("cuda", "mps"):
        assert usable_precision("bf16-mixed", torch.device(kind)) == "bf16-mixed"


def test_nothing_is_announced_but_the_precision_that_is_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(devices, "has_fast_bfloat16", lambda: False)
    with caplog.at_level(logging.INFO):
        assert launched("cpu", 1, 1, "bf16-mixed")[1] == "32-true"
    assert "bfloat16" not in caplog.text


def test_kernels_of_many_shapes_are_kept_in_bfloat16_unless_the_user_says_how_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, before = "ONEDNN_PRIMITIVE_CACHE_CAPACITY", {**os.environ}
    before.pop(name, None)
    monkeypatch.setattr(devices, "has_fast_bfloat16", lambda: True)
    settings: list[tuple[Precision, dict[str, str], str | None]] = [
        ("32-true", {}, None),
        ("bf16-mixed", {}, "8192"),
        ("bf16-mixed", {name: "5"}, "5"),
    ]
    for precision, given, expected in settings:
        monkeypatch.setattr(os, "environ", before | given)
        launched("cpu", 1, 1, precision)
        assert os.environ.get(name) == expected


def test_the_weights_are_trained_in_the_precision_that_is_named() -> None:
    fabric, precision = launched("cpu", 1, 1, "64-true")
    assert (fabric.device.type, precision) == ("cpu", "64-true")
    assert fabric.setup(torch.nn.Linear(2, 1)).weight.dtype == torch.float64


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_devices_that_do_not_exist_are_refused() -> None:
    with pytest.raises(UserError, match="No such devices"):
        launched("cuda", 1, 1, "32-true")
