"""How much of what can be known without knowing the kernel a learner of curves knows.

python benchmarks/accuracy/bayes_mixture.py [NAME|RUN] [--sizes 10 20 30 50] [--tasks 60] [--draws 10000] [--out FILE]

The limit is the Bayes mixture over the prior that kernels and noises are drawn from: Gaussian processes with kernels
drawn from the prior, weighed by the marginal likelihood of a task's support. The exact posterior, which knows the
kernel, is beyond anybody's reach. With few draws the mixture falls short of itself, so the effective number of draws
stands beside it, and a second figure from half of them.

Letters: T tasks, S support points, Q queries, D draws.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.distributions import Normal

from gp_regression import tasks_of
from measure import stem
from quickstudy.cli.freed_memory import keep_freed_memory
from quickstudy.core import Tasks, UserError, unchecked_distributions
from quickstudy.evaluation import Interval, provenance
from quickstudy.pretrained import load
from quickstudy.protocols import open_weights
from quickstudy.protocols.records import write_json
from quickstudy.tasks import GaussianProcesses
from quickstudy.tasks.gaussian_processes import noisy, variances
from quickstudy.tasks.kernels import draw_log_uniform

_QUERIES = 50
_DRAWS_AT_ONCE = 1000


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to ask, how exactly, and where to leave the figures."""

    sizes: tuple[int, ...] = (10, 20, 30, 50)
    """Points given."""
    tasks: int = 60
    """Tasks of each size."""
    draws: int = 10_000
    """Kernels drawn from the prior for each task."""
    seed: int = 0
    """Decides the tasks and the draws."""
    out: Path = Path(__file__).parents[1] / "results" / "bayes_mixture.json"
    """The JSON file to write."""


def mixture_likelihood(
    task: Tasks, processes: GaussianProcesses, draws: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Of one task: log-likelihoods (Q,) of the true values under the mixture, and the weights (D,) of the draws."""
    weights, likelihoods = [], []
    for start in range(0, draws, _DRAWS_AT_ONCE):
        count = min(_DRAWS_AT_ONCE, draws - start)
        kernel = processes.kernels.draw(count, generator)
        noise_D = draw_log_uniform(processes.noise, count, generator)
        support_x, support_y, query_x, query_y = (field.double().expand(count, -1, -1) for field in task)
        factor_DSS = torch.linalg.cholesky(noisy(kernel(support_x, support_x), noise_D))
        known = torch.cat([kernel(support_x, query_x), support_y], dim=2)
        *across, answers = torch.linalg.solve_triangular(factor_DSS, known, upper=False).split([_QUERIES, 1], dim=2)
        mean_DQ = (across[0].transpose(1, 2) @ answers).squeeze(2)
        variance_DQ = (variances(kernel, query_x) - across[0].square().sum(dim=1)).clamp(min=0) + noise_D[:, None] ** 2
        weights.append(-answers.square().sum(dim=(1, 2)) / 2 - factor_DSS.diagonal(dim1=1, dim2=2).log().sum(dim=1))
        likelihoods.append(Normal(mean_DQ, (variance_DQ + 1e-8).sqrt()).log_prob(query_y[..., 0]))
    log_weight_D = torch.cat(weights).log_softmax(dim=0)
    return (log_weight_D[:, None] + torch.cat(likelihoods)).logsumexp(dim=0), log_weight_D.exp()


def measure(name: str, options: Options) -> list[dict[str, Any]]:
    """Learner, mixture, exact posterior and prior at every size, on the same tasks."""
    learner, processes = load(name), tasks_of(name)
    records = []
    for size in options.sizes:
        print(f"{size} points", file=sys.stderr, flush=True)
        layout = processes.layout._replace(support=size, queries=_QUERIES, predicts_support=False)
        generator = torch.Generator().manual_seed(options.seed)
        tasks, oracle = processes.with_layout(layout).sample_with_oracle(options.tasks, generator)
        said = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)
        found: dict[str, list[Tensor]] = {"mixture": [], "half": [], "effective": []}
        for index in range(options.tasks):
            task = Tasks(*(field[index : index + 1] for field in tasks))
            whole_Q, weight_D = mixture_likelihood(task, processes, options.draws, generator)
            half_Q, _ = mixture_likelihood(task, processes, options.draws // 2, generator)
            found["mixture"].append(whole_Q.mean())
            found["half"].append(half_Q.mean())
            found["effective"].append(1 / weight_D.square().sum())
        likelihoods = {
            "learner": said.log_prob(tasks.query_y).double().mean(dim=1),
            "mixture": torch.stack(found["mixture"]),
            "mixture of half the draws": torch.stack(found["half"]),
            "exact posterior": oracle.posterior.log_prob(tasks.query_y).double().mean(dim=1),
            "prior": oracle.prior.log_prob(tasks.query_y).double().mean(dim=1),
        }
        means = {key: float(values_T.mean()) for key, values_T in likelihoods.items()}
        records.append(
            {
                "support": size,
                "tasks": options.tasks,
                **{key: Interval.over(values_T).record() for key, values_T in likelihoods.items()},
                "learner minus mixture": Interval.over(likelihoods["learner"] - likelihoods["mixture"]).record(),
                "share_closed": (means["learner"] - means["prior"]) / (means["mixture"] - means["prior"]),
                "median_effective_draws": float(torch.stack(found["effective"]).median()),
            }
        )
    return records


def main(name: Annotated[str, tyro.conf.Positional] = "gp-general", options: Options = Options()) -> int:
    """Measure the weights of this name, or a run folder."""
    keep_freed_memory()
    try:
        with unchecked_distributions():
            sizes = measure(name, options)
    except UserError as error:
        print(f"bayes_mixture: {error}", file=sys.stderr)
        return 2
    protocol = {
        "tasks": f"those that {open_weights(name).recipe} is tested on, with another number of points given",
        "queries": _QUERIES,
        "draws": options.draws,
        "seed": options.seed,
        "figures": "log-likelihood in nats a query, mean over tasks, ± 95 % interval",
    }
    about = {"benchmark": "bayes_mixture", "protocol": protocol, "provenance": provenance(), "learner": stem(name)}
    write_json(options.out, {**about, "sizes": sizes})
    _print(sizes)
    Console().print(f"written  {options.out}", soft_wrap=True, highlight=False)
    return 0


def _print(sizes: list[dict[str, Any]]) -> None:
    table = Table()
    for heading in ("points", "learner", "Bayes mixture", "of half the draws", "exact posterior", "prior", "closed"):
        table.add_column(heading, justify="right")
    for size in sizes:
        names = ("learner", "mixture", "mixture of half the draws", "exact posterior", "prior")
        table.add_row(
            str(size["support"]), *(f"{size[name]['mean']:.3f}" for name in names), f"{size['share_closed']:.1%}"
        )
    Console().print(table)


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
