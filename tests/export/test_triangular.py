"""Triangles are written as loops, which give what torch gives for matrices of any size."""

from pathlib import Path

import pytest
import torch
from torch import nn

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

from quickstudy.export.files import _quietly, _without_guards  # noqa: E402
from quickstudy.export.triangular import translations  # noqa: E402


class Solved(nn.Module):
    """Cholesky's factor of a matrix, and the solution of a system with it."""

    def forward(self, matrix: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        factor = torch.linalg.cholesky(matrix)
        return factor, torch.linalg.solve_triangular(factor, right, upper=False)


class OfUpper(nn.Module):
    """A system of an upper triangle."""

    def forward(self, matrix: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return torch.linalg.solve_triangular(matrix, right, upper=True)


def matrices(tasks: int, size: int, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(size)
    root = torch.randn(tasks, 3, size, size, generator=generator, dtype=torch.float64)
    right = torch.randn(tasks, 3, size, columns, generator=generator, dtype=torch.float64)
    return root @ root.mT + torch.eye(size), right


def written(module: nn.Module, path: Path) -> None:
    automatic = torch.export.Dim.AUTO
    shapes = ({0: automatic, 2: automatic, 3: automatic}, {0: automatic, 2: automatic, 3: automatic})
    program = _without_guards(torch.export.export(module, matrices(2, 5, 4), dynamic_shapes=shapes, strict=False))
    with _quietly():
        made = torch.onnx.export(program, dynamo=True, verbose=False, custom_translation_table=translations())
        made.save(path)


def test_loops_give_what_torch_gives(tmp_path: Path) -> None:
    written(Solved(), tmp_path / "solved.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "solved.onnx", providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    for given in (matrices(1, 1, 1), matrices(3, 8, 2)):
        found = session.run(None, dict(zip(names, (each.numpy() for each in given), strict=True)))
        for one, other in zip(found, Solved()(*given), strict=True):
            torch.testing.assert_close(torch.as_tensor(one), other, rtol=1e-9, atol=1e-11)


def test_an_upper_triangle_is_refused_not_misread(tmp_path: Path) -> None:
    with pytest.raises(torch.onnx.OnnxExporterError, match="lower triangle"):
        written(OfUpper(), tmp_path / "upper.onnx")
