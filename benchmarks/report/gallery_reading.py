"""What learners read while they answer: attention over the support, rows of a memory, patterns of a Hopfield network.

Letters: T tasks, S support examples, Q queries, H heads, L items, M rows of a memory.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import quickstudy
from gallery_style import GREEN, ORANGE, characters, drawing, heat, in_random_order, save
from quickstudy.evaluation.plots import colours, empty_figure
from quickstudy.learners import MANN, SNAIL, InContextTransformer
from quickstudy.networks.attention import KeysValues, split_heads
from quickstudy.networks.causal_attention import CausalAttention
from quickstudy.networks.hopfield import energy, update

_WAYS, _SHOTS = 5, 2


def attention_of_snail(learner: SNAIL, state: Any, query_x: Tensor) -> list[Tensor]:
    """How much each query reads of each example, in each attention: (Q, S) of one task."""
    found: list[Tensor] = []

    def watched(block: CausalAttention, query: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def called(cache: KeysValues, x_TQC: Tensor, crowding: Tensor | None = None) -> Tensor:
            own_Q = block.remember(block.empty(1), x_TQC).keys[0][:, None]
            keys_Q = torch.cat([cache.keys.expand(x_TQC.shape[1], -1, -1), own_Q], dim=1)
            more = None if crowding is None else F.pad(crowding, (0, 1), value=1).expand(x_TQC.shape[1], -1)
            found.append(block.weights(keys_Q, x_TQC[0][:, None], crowding=more)[:, 0, :-1])
            return query(cache, x_TQC, crowding)

        return called

    blocks = [block for block in learner.modules() if isinstance(block, CausalAttention)]
    for block in blocks:
        block.query = watched(block, block.query)  # type: ignore[method-assign]
    learner.predict(state, query_x)
    return found


def attention_of_transformer(learner: InContextTransformer, state: Any, query_x: Tensor) -> list[Tensor]:
    """How much each query reads of each example, mean over the heads of each layer: (Q, S) of one task."""
    found: list[Tensor] = []

    def watch(block: Any, given: tuple[Any, ...]) -> None:
        x_TQC, seen = given[:2]
        queries_THQK = split_heads(block.queries(block.norm(x_TQC)), block.num_heads)
        logits = queries_THQK @ seen.keys.mT / seen.keys.shape[-1] ** 0.5
        found.append(logits.softmax(dim=-1)[0].mean(dim=0))

    watching = [block.register_forward_pre_hook(watch) for block in learner.blocks]
    learner.predict(state, query_x)
    for each in watching:
        each.remove()
    return found


@torch.no_grad()
def draw_attention(path: Path) -> None:
    """Which examples the queries of a task read, in the blocks of SNAIL and of the transformer.

    Args:
        path: The PNG file.
    """
    images = characters(_WAYS, _SHOTS + 1, seed=1)
    support_x = images[:, :_SHOTS].flatten(0, 1)[None]
    support_y, query_x = torch.arange(_WAYS).repeat_interleave(_SHOTS)[None], images[:, _SHOTS][None]
    snail, transformer = quickstudy.load("omniglot-snail"), quickstudy.load("omniglot-transformer")
    assert isinstance(snail, SNAIL)
    assert isinstance(transformer, InContextTransformer)
    read = attention_of_snail(snail, snail.adapt(support_x, support_y), query_x)
    of_layers = attention_of_transformer(transformer, transformer.adapt(support_x, support_y), query_x)
    shown = [
        [(f"SNAIL, attention {index}", each) for index, each in enumerate(read, start=1)],
        [(f"transformer, layer {index}", each) for index, each in enumerate(of_layers, start=1)],
    ]
    figure = empty_figure(9, 4.4)
    grid = figure.subplots(3, 4, width_ratios=(0.22, 1, 1, 1), height_ratios=(0.45, 2, 2))
    grid[0, 0].set_axis_off()
    for column in (1, 2, 3):
        drawing(grid[0, column], support_x[0])
        for edge in range(1, _WAYS):
            grid[0, column].axvline(28 * _SHOTS * edge - 0.5, color="0.7", linewidth=0.8)
    for row, blocks in enumerate(shown, start=1):
        drawing(grid[row, 0], query_x[0], is_column=True)
        for column, (title, weights_QS) in enumerate(blocks, start=1):
            last = heat(grid[row, column], weights_QS, largest=0.6, around_zero=False)
            grid[row, column].set_title(title, loc="left", fontsize=9)
        for unused in grid[row, 1 + len(blocks) :]:
            unused.set_axis_off()
    grid[0, 1].set_ylabel("support", fontsize=8)
    grid[2, 0].set_xlabel("queries", fontsize=8)
    figure.colorbar(last, ax=grid[1:, 1:], shrink=0.6, label="share of what is read")
    save(figure, path)


@torch.no_grad()
def draw_memory(path: Path, shots: int = 4) -> None:
    """Which rows MANN writes and reads, example by example, in the order in which rows were first written.

    Args:
        path: The PNG file.
        shots: Drawings of each of five characters.
    """
    learner = quickstudy.load("omniglot-mann")
    assert isinstance(learner, MANN)
    images, labels = in_random_order(characters(_WAYS, shots), 1, _WAYS, shots, seed=2)
    state, written, read = learner.prior(1), [], []
    for step in range(labels.shape[1]):
        before = state.carried.memory.memory[0]
        state = learner.extend(state, images[:, step : step + 1], labels[:, step : step + 1])
        memory = state.carried.memory
        written.append((memory.memory[0] - before).norm(dim=-1))
        read.append(memory.read_weights[0].sum(dim=0))
    writing_ML, reading_ML = torch.stack(written, dim=1), torch.stack(read, dim=1)
    most_M = writing_ML.amax(dim=1)
    is_used_M = most_M > 0.1 * most_M.max()
    first_M = (writing_ML > 0.1 * most_M.max()).float().argmax(dim=1)
    order = [row for row in first_M.argsort(stable=True).tolist() if is_used_M[row]]
    figure = empty_figure(8, 5)
    top, left, right = figure.subplots(3, 1, height_ratios=(0.35, 2, 2), sharex=True)
    shades = colours(_WAYS)
    for step, label in enumerate(labels[0].tolist()):
        top.text(step, 0, str(label + 1), color=shades[label], ha="center", va="center", fontsize=10, weight="bold")
    top.set(ylim=(-1, 1), yticks=[0], yticklabels=["character"])
    top.spines[:].set_visible(False)
    top.tick_params(length=0)
    figure.colorbar(heat(left, writing_ML[order], around_zero=False), ax=left, label="written")
    even = float(reading_ML.sum(dim=0).mean()) / len(reading_ML)  # Of a row, if all were read equally.
    figure.colorbar(
        heat(right, reading_ML[order] / even - 1, largest=1.0), ax=right, label="read, beside an even share"
    )
    left.set_ylabel(f"{len(order)} rows")
    right.set(ylabel=f"{len(order)} rows", xlabel="examples read", xticks=range(0, labels.shape[1], 5))
    save(figure, path)


@torch.no_grad()
def draw_hopfield(path: Path, patterns: int = 40) -> None:
    """What a modern Hopfield network makes of half a drawing, by inverse temperature and by update.

    Args:
        path: The PNG file.
        patterns: Drawings that are stored, each of another character.
    """
    images = characters(patterns, 1, seed=3)[:, 0, 0]
    small = F.adaptive_avg_pool2d(images[:, None], 14).flatten(1)
    mean = small.mean(dim=0)
    stored = F.normalize(small - mean, dim=1)
    half = small[:1].clone()
    half[0, 98:] = mean[98:]
    start = F.normalize(half - mean, dim=1)
    figure = empty_figure(8, 4.6)
    betas, moments = (1.0, 5.0, 60.0), (0, 1, 2, 4)
    grid = figure.subplots(len(betas), len(moments) + 2, width_ratios=(*[1] * (len(moments) + 1), 2.2))
    for row, beta in enumerate(betas):
        state, energies = start, [float(energy(start, stored, beta))]
        for moment in range(max(moments) + 1):
            if moment in moments:
                axes = grid[row, moments.index(moment)]
                heat(axes, state.view(14, 14), largest=0.35)
                axes.set_title(f"{moment} updates" if moment != 1 else "1 update", fontsize=8)
            state = update(state, stored, beta)
            energies.append(float(energy(state, stored, beta)))
        heat(grid[row, -2], stored[0].view(14, 14), largest=0.35)
        grid[row, -2].set_title("stored", fontsize=8)
        grid[row, 0].set_ylabel(f"β = {beta:g}")
        grid[row, -1].plot(energies, color=(ORANGE, GREEN, "#3b6fb6")[row], marker="o", markersize=3)
        grid[row, -1].set_title("energy", fontsize=8)
        grid[row, -1].spines[["top", "right"]].set_visible(False)
        grid[row, -1].tick_params(labelsize=7)
    grid[-1, -1].set_xlabel("updates", fontsize=8)
    save(figure, path)
