"""Graphs as files, each checked against the learner before it is said to work."""

import json
import logging
import string
import warnings
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor
from torch.export import ExportedProgram

from quickstudy.core import Header, Learner, UserError
from quickstudy.export.graphs import SIZES, Graphs, Sizes, make_example, numbers_of, trace

Format = Literal["onnx", "torch", "both"]

_TOLERANCE = 1e-3
"""Largest difference of a log-probability, a mean or a deviation."""


class Exported(NamedTuple):
    """What was written."""

    files: tuple[Path, ...]
    """The graphs, and `graphs.json`, which describes their inputs and outputs."""
    differences: dict[str, float]
    """By kind of file: the largest difference from the learner's own prediction, on tasks of other sizes."""


def export_files(
    learner: Learner, header: Header, folder: Path, *, kind: Format = "both", sizes: Sizes = SIZES
) -> Exported:
    """Write the graphs of a learner, run them, and compare them with the learner.

    Args:
        learner: The learner with its weights.
        header: Where the weights are from.
        folder: Where the files go. It is made where it is missing.
        kind: ONNX, torch's own format, or both.
        sizes: Numbers of the tasks to trace with.

    Raises:
        UserError: if a graph cannot be made or gives other predictions, or a package is missing.
    """
    if kind not in get_args(Format):
        raise UserError(f"The format {kind!r} was given, but one of {get_args(Format)} was expected.")
    if kind != "torch":
        _refuse_missing_packages()
    graphs = trace(learner, sizes)
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    differences: dict[str, float] = {}
    checked = [graphs.example, make_example(learner, _others(graphs), seed=1)]
    if kind != "onnx":
        files += [folder / "adapt.pt2", folder / "predict.pt2"]
        with _quietly():
            for path, program in zip(files, graphs[:2], strict=True):
                torch.export.save(program, path)
        differences["torch"] = max(_difference_in_torch(learner, graphs, each) for each in checked)
    if kind != "torch":
        onnx = [folder / "adapt.onnx", folder / "predict.onnx"]
        _write_onnx(graphs, onnx[0], onnx[1])
        files += onnx
        differences["onnx"] = max(_difference_in_onnx(learner, onnx[0], onnx[1], each) for each in checked)
    for name, difference in differences.items():
        if not difference <= _TOLERANCE:
            raise UserError(
                f"The {name} graphs differ from the learner by {difference:.2g}, more than {_TOLERANCE:g}. Do not use "
                f"the files in {folder}, and report this."
            )
    description = folder / "graphs.json"
    description.write_text(json.dumps(_described(learner, header, graphs, differences), indent=2) + "\n")
    return Exported((*files, description), differences)


def _described(learner: Learner, header: Header, graphs: Graphs, differences: dict[str, float]) -> dict[str, Any]:
    return {
        "recipe": header.recipe,
        "commit": header.commit,
        "input_range": learner.input_range,
        "adapt": {
            "inputs": _shapes(graphs.adapt, _input_names(graphs)),
            "outputs": list(graphs.state_names),
        },
        "predict": {"inputs": _shapes(graphs.predict, (*graphs.state_names, "query_x")), "outputs": graphs.outputs},
        "differences": differences,
    }


def _input_names(graphs: Graphs) -> tuple[str, ...]:
    return ("support_x", "support_y", "classes")[: len(graphs.example.adapting)]


def _shapes(program: ExportedProgram, names: Sequence[str]) -> dict[str, list[int | str]]:
    """The shape of each input: a number where it is fixed, else a letter; sizes of one letter are equal."""
    values = {node.name: node.meta["val"] for node in program.graph.nodes if node.op == "placeholder"}
    inputs = [values[name] for name in program.graph_signature.user_inputs if name in values]
    symbols = [str(size) for value in inputs for size in value.shape if not str(size).isdigit()]
    letters = dict(zip(dict.fromkeys(symbols), string.ascii_uppercase, strict=False))
    return {
        name: [letters.get(str(size)) or int(size) for size in value.shape]
        for name, value in zip(names, inputs, strict=True)
    }


def _others(graphs: Graphs) -> Sizes:
    """Sizes that differ from those of tracing wherever the graphs leave them open."""
    example = graphs.example
    shapes = _shapes(graphs.adapt, _input_names(graphs))
    both = [shapes[name] for name in ("support_x", "support_y")]
    is_for_fixed_tasks, is_for_fixed_support = (any(isinstance(each[axis], int) for each in both) for axis in (0, 1))
    num_tasks = len(example.support_x) + (not is_for_fixed_tasks)
    ways = 5 if example.classes is None else len(example.classes)
    shots = example.support_x.shape[1] // ways
    if is_for_fixed_support:
        return Sizes(num_tasks, ways, shots, queries=4)
    return Sizes(num_tasks, ways if example.classes is None else max(2, ways - 1), shots + 1, queries=4)


def _expected(learner: Learner, example: Any) -> tuple[Tensor, ...]:
    with torch.no_grad():
        return numbers_of(learner.predict(learner.adapt(example.support_x, example.support_y), example.query_x))


def _largest_difference(found: Sequence[Any], expected: Sequence[Tensor]) -> float:
    """Of numbers that both have; excluded classes are minus infinity on both sides, and a graph may have more."""
    largest = 0.0
    for one, other in zip(found, expected, strict=True):
        both = torch.as_tensor(np.asarray(one))[..., : other.shape[-1]].double(), other.double()
        if not torch.equal(both[0].isneginf(), both[1].isneginf()):
            return float("inf")
        largest = max(largest, float((both[0] - both[1]).nan_to_num(0.0).abs().max()))
    return largest


def _difference_in_torch(learner: Learner, graphs: Graphs, example: Any) -> float:
    with torch.no_grad():
        state = graphs.adapt.module()(*example.adapting)
        found = graphs.predict.module()(state, example.query_x)
    return _largest_difference([each.numpy() for each in found], _expected(learner, example))


def _difference_in_onnx(learner: Learner, adapt: Path, predict: Path, example: Any) -> float:
    try:
        found = _run_onnx(adapt, predict, example)
    except Exception as error:  # onnxruntime has a class of its own for each kind of trouble.
        reason = str(error).partition("\n")[0]
        raise UserError(f"The files {adapt} and {predict} cannot be run: {reason}. Use --format torch.") from error
    return _largest_difference(found, _expected(learner, example))


def _run_onnx(adapt: Path, predict: Path, example: Any) -> list[Any]:
    import onnxruntime

    adapting, predicting = (
        onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]) for path in (adapt, predict)
    )
    named = {"support_x": example.support_x, "support_y": example.support_y, "classes": example.classes}
    # An input that a graph does not read is left out of it.
    given = {each.name: named[each.name].numpy() for each in adapting.get_inputs()}
    state = dict(zip((each.name for each in adapting.get_outputs()), adapting.run(None, given), strict=True))
    state["query_x"] = example.query_x.numpy()
    return list(predicting.run(None, {each.name: state[each.name] for each in predicting.get_inputs()}))


def _write_onnx(graphs: Graphs, adapt: Path, predict: Path) -> None:
    from quickstudy.export.triangular import translations

    with _quietly():
        for program, path, inputs, outputs in (
            (graphs.adapt, adapt, _input_names(graphs), graphs.state_names),
            (graphs.predict, predict, (*graphs.state_names, "query_x"), graphs.outputs),
        ):
            try:
                made = torch.onnx.export(
                    _without_guards(program),
                    dynamo=True,
                    verbose=False,
                    custom_translation_table=translations(),
                    input_names=list(inputs),
                    output_names=list(outputs),
                )
            except torch.onnx.OnnxExporterError as error:
                raise _not_translated(error) from error
            assert made is not None
            made.save(path)


def _not_translated(error: Exception) -> UserError:
    first: BaseException = error
    while first.__cause__ is not None:
        first = first.__cause__
    reason = str(first).partition("\n")[0]
    return UserError(f"ONNX cannot say what this learner computes: {reason}. torch's own format can: --format torch.")


def _without_guards(program: ExportedProgram) -> ExportedProgram:
    """The same graph without torch's checks of its inputs, which ONNX has no operation for."""
    for node in list(program.graph.nodes):
        if node.op == "call_module" and node.target == "_guards_fn":
            program.graph.erase_node(node)
    return program


@contextmanager
def _quietly() -> Any:
    """Without the exporter's remarks on packages that it would also support."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _refuse_missing_packages() -> None:
    try:
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"ONNX files need {error.name}, which is not installed: pip install 'quickstudy[export]'. Or write torch's "
            "own format: --format torch."
        ) from None
