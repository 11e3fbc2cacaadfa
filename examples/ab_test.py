"""A test of five variants of a page: a learner that has learned to explore, beside Thompson sampling.

python examples/ab_test.py                       # 1,000 made-up tests of ten visitors each
python examples/ab_test.py --rates 0.1 0.2 0.8 0.3 0.2   # the visitors of one test, one by one
"""

import argparse

import torch

import quickstudy
from quickstudy.baselines import Thompson
from quickstudy.core import ActingLearner
from quickstudy.evaluation import evaluate_trials, total_reward
from quickstudy.tasks import Bandits
from quickstudy.worlds import Player

VISITORS, VARIANTS = 10, 5


def one_test(learner: ActingLearner, rates: list[float], seed: int) -> None:
    """Show one variant to each visitor, and learn from what the visitor does."""
    player, chance = Player(learner, seed=seed), torch.Generator().manual_seed(seed)
    for visitor in range(1, VISITORS + 1):
        (variant,) = player.act([[1.0]])
        buys = float(torch.rand((), generator=chance) < rates[variant])
        player.learn(buys, True)
        print(f"visitor {visitor:2}: variant {variant + 1}, {'buys' if buys else 'leaves'}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Test five variants of a page.")
    parser.add_argument("--weights", default="bandit-snail", help="name of weights, or a run folder")
    parser.add_argument("--rates", type=float, nargs=VARIANTS, help="how often a visitor buys, for each variant")
    parser.add_argument("--tests", type=int, default=1_000, help="made-up tests to compare on")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    learner = quickstudy.load(options.weights)
    if not isinstance(learner, ActingLearner):
        parser.error(f"--weights {options.weights} names a learner that does not act. Choose one of bandits.")
    if options.rates:
        one_test(learner, options.rates, options.seed)
        return
    bandits = Bandits(VARIANTS, VISITORS)
    chance = torch.Generator().manual_seed(options.seed)
    for name, agent in (("learner", learner), ("Thompson sampling", Thompson(VARIANTS, chance))):
        sold = total_reward(evaluate_trials(agent, bandits, options.tests, options.seed))
        print(f"{name:18} {sold.text(2)} of {VISITORS} visitors buy")


if __name__ == "__main__":
    main()
