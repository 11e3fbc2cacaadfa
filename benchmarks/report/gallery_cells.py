"""Small agents that learn by messages: the cells of VSML, the synapses of BLUR.

Letters: T tasks, S examples, I inputs and O outputs of a layer, H numbers of a cell's state.
"""

from pathlib import Path

import torch
from torch.nn.functional import one_hot

import quickstudy
from gallery_style import BLUE, GREY, ORANGE, heat, save
from quickstudy.evaluation.plots import colours, empty_figure
from quickstudy.learners import BLUR, VSML
from quickstudy.tasks import BooleanPlane, PrototypeLayout, Prototypes

_LOGIT = 1  # The channel of a cell's message that adds to the logit of its class.


@torch.no_grad()
def draw_vsml_messages(path: Path, examples: int = 40) -> None:
    """What goes up, what comes down, and what each cell says, while VSML reads one task.

    Args:
        path: The PNG file.
        examples: Examples of the task.
    """
    learner = quickstudy.load("prototypes-vsml")
    assert isinstance(learner, VSML)
    tasks = Prototypes(PrototypeLayout(support=examples)).sample(1, torch.Generator().manual_seed(3))
    probabilities_SN = learner.predict_sequence(tasks.support_x, tasks.support_y).probs[0]
    errors_SN = probabilities_SN - one_hot(tasks.support_y[0], learner.num_ways)
    state, says = learner.prior(1), []
    for step in range(examples):
        state = learner.extend(state, tasks.support_x[:, step : step + 1], tasks.support_y[:, step : step + 1])
        hidden_IOH = state.cells[0].hidden[0]
        says.append(learner.cell.forward_messenger(hidden_IOH)[..., _LOGIT].T.flatten())  # Class by class.
    figure = empty_figure(8, 5.2)
    up, down, cells = figure.subplots(3, 1, height_ratios=(1.4, 0.6, 2), sharex=True)
    label_S = tasks.support_y[0]
    up.plot(range(examples), probabilities_SN[:, 1], color="0.3", linewidth=1.2)
    for label, colour in ((0, BLUE), (1, ORANGE)):
        places = (label_S == label).nonzero().flatten()
        up.scatter(
            places, torch.full((len(places),), float(label)), color=colour, s=14, label=f"example of class {label}"
        )
    up.set(ylabel="P(class 1)", yticks=[0, 0.5, 1], ylim=(-0.1, 1.1))
    up.legend(frameon=False, fontsize=8, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    up.spines[["top", "right"]].set_visible(False)
    figure.colorbar(heat(down, errors_SN.T), ax=down, label="error")
    down.set(yticks=[0, 1], yticklabels=["class 0", "class 1"], ylabel="down")
    figure.colorbar(heat(cells, torch.stack(says).T), ax=cells, label="adds to the logit")
    half = learner.layers[0].num_inputs
    cells.axhline(half - 0.5, color="0.2", linewidth=1)
    cells.set(yticks=[half / 2, 1.5 * half], yticklabels=["to class 0", "to class 1"], ylabel="up, 12 cells")
    cells.set(xticks=range(0, examples, 5), xlabel="examples read")
    save(figure, path)


@torch.no_grad()
def draw_blur_synapses(path: Path, updates: int = 60, rate: float = 0.003) -> None:
    """Synapses by update under the genome of back-propagation, on a function that needs the hidden layer.

    Args:
        path: The PNG file.
        updates: Updates that are shown.
        rate: Learning rate of the genome.
    """
    learner = BLUR(2, hidden=(20,), start="gradient", rule="backpropagation", seed=1, synapse_scale=3.0).eval()
    learner.genome.set_gradient(rate)
    tasks = BooleanPlane(("xor",)).sample(20, torch.Generator().manual_seed(0))
    counts = range(0, updates + 1, max(1, updates // 30))
    below, above, right = [], [], []
    for count in counts:
        learner.test_updates = count
        state = learner.adapt(tasks.support_x, tasks.support_y)
        below.append(state.synapses[0].up[0, 0, :12, 0])
        above.append(state.synapses[1].up[0, :12, 0, 0])
        answer_TQ = learner.predict(state, tasks.query_x).probs.argmax(dim=-1)
        right.append(100 * (answer_TQ == tasks.query_y).double().mean())
    figure = empty_figure(8.5, 2.8)
    grid = figure.subplots(1, 3)
    for axes, traces, title in zip(
        grid, (below, above), ("input to hidden layer", "hidden layer to output"), strict=False
    ):
        for trace, colour in zip(torch.stack(traces).T, colours(12), strict=True):
            axes.plot(counts, trace, color=colour, linewidth=1.2)
        axes.set_title(f"synapses, {title}", loc="left", fontsize=9)
    grid[2].plot(counts, right, color=BLUE)
    grid[2].axhline(50, color=GREY, linestyle="--", linewidth=1)
    grid[2].set_title("right on new points, %", loc="left", fontsize=9)
    grid[2].set_ylim(0, 102)
    for axes in grid:
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlabel("updates on 128 points")
    save(figure, path, colours=64)
