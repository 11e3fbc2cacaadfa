"""Small agents that learn by messages: the cells of VSML, the synapses of BLUR.

Letters: T tasks, S examples, I inputs and O outputs of a layer, H numbers of a cell's state.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

import quickstudy
from gallery_style import BLUE, ORANGE, heat, save
from quickstudy.evaluation.plots import colours, empty_figure
from quickstudy.learners import BLUR, VSML
from quickstudy.recipes import build
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
    state, chances, errors, says = learner.prior(1), [], [], []
    for step in range(examples):
        x, y = tasks.support_x[:, step : step + 1], tasks.support_y[:, step : step + 1]
        chances.append(learner.predict(state, x).probs[0, 0, 1])
        state = learner.extend(state, x, y)
        errors.append(state.messages[-1][0, 0, :, 0])  # For the next tick, from the error of this example.
        hidden_IOH = state.cells[0].hidden[0]
        says.append(learner.cell.forward_messenger(hidden_IOH)[..., _LOGIT].T.flatten())  # Class by class.
    figure = empty_figure(8, 5.2)
    up, down, cells = figure.subplots(3, 1, height_ratios=(1.4, 0.6, 2), sharex=True)
    label_S = tasks.support_y[0]
    up.plot(range(examples), chances, color="0.3", linewidth=1.2)
    for label, colour in ((0, BLUE), (1, ORANGE)):
        places = (label_S == label).nonzero().flatten()
        up.scatter(
            places, torch.full((len(places),), float(label)), color=colour, s=14, label=f"example of class {label}"
        )
    up.set(ylabel="P(class 1)", yticks=[0, 0.5, 1], ylim=(-0.1, 1.1))
    up.legend(frameon=False, fontsize=8, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    up.spines[["top", "right"]].set_visible(False)
    figure.colorbar(heat(down, torch.stack(errors).T), ax=down, label="error")
    down.set(yticks=[0, 1], yticklabels=["class 0", "class 1"], ylabel="down")
    figure.colorbar(heat(cells, torch.stack(says).T), ax=cells, label="adds to the logit")
    half = learner.layers[0].num_inputs
    cells.axhline(half - 0.5, color="0.2", linewidth=1)
    cells.set(yticks=[half / 2, 1.5 * half], yticklabels=["to class 0", "to class 1"], ylabel="up, 12 cells")
    cells.set(xticks=range(0, examples, 5), xlabel="examples read")
    save(figure, path)


def draw_blur_synapses(path: Path, steps: int = 200, updates: int = 12) -> None:
    """Synapses by update, under the genome of back-propagation and under one that was meta-trained for a moment.

    Args:
        path: The PNG file.
        steps: Steps of the meta-training, on xor and or.
        updates: Updates that are shown.
    """
    descends = BLUR(2, hidden=(20,), start="gradient", rule="backpropagation", seed=1).eval()
    descends.genome.set_gradient(0.01)
    torch.manual_seed(0)
    experiment = build("boolean-blur", {"steps": steps})
    learner = experiment.learner
    assert isinstance(learner, BLUR)
    _train(learner, BooleanPlane(), steps)
    figure = empty_figure(8, 4.6)
    grid = figure.subplots(2, 2, sharex=True, sharey="row", height_ratios=(1.5, 1))
    titles = (f"genome after {steps} steps of meta-training", "genome of back-propagation")
    for column, (title, each) in enumerate(zip(titles, (learner.eval(), descends), strict=True)):
        traces, right = _traced(each, updates)
        for trace, colour in zip(traces.T, colours(traces.shape[1]), strict=True):
            grid[0, column].plot(trace, color=colour, linewidth=1.2)
        for name, values, colour in (("and", right["and"], BLUE), ("quadrant", right["quadrant"], ORANGE)):
            grid[1, column].plot([100 * value for value in values], color=colour, label=name)
        grid[0, column].set_title(title, loc="left", fontsize=10)
        grid[1, column].axhline(75, color="0.8", linestyle="--", linewidth=1)
        grid[1, column].set(xlabel="updates on 128 points", ylim=(0, 102))
        for axes in grid[:, column]:
            axes.spines[["top", "right"]].set_visible(False)
    grid[0, 0].set_ylabel("twelve synapses")
    grid[1, 0].set_ylabel("right on new points, %")
    grid[1, 0].legend(frameon=False, fontsize=8, loc="lower right")
    save(figure, path)


def _train(learner: BLUR, tasks: BooleanPlane, steps: int) -> None:
    """The recipe's training in short."""
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(learner.parameters(), lr=1e-2)
    for _ in range(steps):
        optimiser.zero_grad()
        learner.train()(tasks.sample(4, generator)).backward()
        nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimiser.step()


@torch.no_grad()
def _traced(learner: BLUR, updates: int) -> tuple[Tensor, dict[str, list[float]]]:
    """Twelve synapses from the hidden layer to the output after each update, and accuracy on two functions."""
    traces, right = [], {}
    for function in ("and", "quadrant"):
        tasks = BooleanPlane((function,)).sample(20, torch.Generator().manual_seed(0))
        right[function] = []
        for count in range(updates + 1):
            learner.test_updates = count
            state = learner.adapt(tasks.support_x, tasks.support_y)
            answer_TQ = learner.predict(state, tasks.query_x).probs.argmax(dim=-1)
            right[function].append(float((answer_TQ == tasks.query_y).double().mean()))
            if function == "and":
                traces.append(state.synapses[-1].up[0, :12, 0, 0])
    return torch.stack(traces), right
