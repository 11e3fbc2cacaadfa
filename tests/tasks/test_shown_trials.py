from functools import partial

import pytest
import torch

from quickstudy.baselines import UCB1, Gittins, Greedy, RandomArm
from quickstudy.core import Experience, HasEnvironment, UserError
from quickstudy.evaluation import evaluate_trials, total_reward
from quickstudy.tasks import Bandits, Decided, MDPs, ShownTrials


def test_the_best_action_is_shown_at_every_step(generator: torch.Generator) -> None:
    tasks = ShownTrials(Bandits(3, 5)).sample(4, generator)
    assert tasks.support_y.shape == (4, 5, 3)
    assert torch.equal(tasks.query_x, tasks.support_x)
    assert (tasks.query_y == tasks.query_y[:, :1]).all()


def test_what_was_done_can_be_shown(generator: torch.Generator) -> None:
    tasks = ShownTrials(Bandits(3, 5), shows="taken").sample(4, generator)
    assert torch.equal(tasks.query_y, tasks.support_y[..., 0].long())


def test_an_actor_acts_by_what_it_has_learned(generator: torch.Generator) -> None:
    tasks = ShownTrials(Bandits(3, 5), (partial(Greedy, 3),), "taken").sample(200, generator)
    first_won = tasks.support_y[:, 0, 1] == 1
    stays = tasks.query_y[:, 1] == tasks.query_y[:, 0]
    assert stays[first_won].all()
    assert not stays[~first_won].any()


def test_actors_take_turns(generator: torch.Generator) -> None:
    names: list[str] = []

    def named(name: str, generator: torch.Generator) -> Greedy:
        names.append(name)
        return Greedy(2, generator)

    tasks = ShownTrials(Bandits(2, 1), (partial(named, "first"), partial(named, "second")))
    for _ in range(20):
        tasks.sample(1, generator)
    assert set(names) == {"first", "second"}


def test_random_actors_prefer_other_actions_in_other_tasks(generator: torch.Generator) -> None:
    actions = ShownTrials(Bandits(2, 200), shows="taken").sample(500, generator).query_y.float()
    assert float(actions.mean()) == pytest.approx(0.5, abs=0.05)
    assert float(actions.mean(dim=1).var()) == pytest.approx(1 / 12, abs=0.02)


def test_trials_have_an_environment_and_move_with_it() -> None:
    tasks = ShownTrials(MDPs())
    assert isinstance(tasks, HasEnvironment)
    assert tasks.to("meta").environment.device == tasks.to("meta").device == torch.device("meta")


def test_an_unknown_show_is_refused() -> None:
    with pytest.raises(UserError, match="was expected"):
        ShownTrials(Bandits(), shows="worst")  # type: ignore[arg-type]


def test_random_actors_learn_nothing(generator: torch.Generator) -> None:
    from quickstudy.tasks import Anything

    actor = Anything(3, generator)
    state = actor.prior(2)
    assert actor.extend(state, Experience(*(torch.zeros(2, 1) for _ in range(4)))) is state


def test_another_agent_can_act_in_the_trials(generator: torch.Generator) -> None:
    tasks = ShownTrials(Bandits(3, 6)).acted_by(Decided(RandomArm(3, generator))).sample(50, generator)
    assert (tasks.support_y[..., 0] == 0).all()  # Of equally probable arms always the first one.
    assert set(tasks.query_y[:, 0].tolist()) == {0, 1, 2}


def test_a_rule_that_breaks_ties_in_order_gets_as_much_reward(generator: torch.Generator) -> None:
    rules = Gittins(10, 5, generator), Decided(Gittins(10, 5, generator))
    with_chance, in_order = (total_reward(evaluate_trials(rule, Bandits(5, 10), 2_000, seed=1)) for rule in rules)
    assert abs(with_chance.mean - in_order.mean) < 0.2
    first = ShownTrials(Bandits(5, 10), (lambda _: rules[1],), "taken").sample(20, generator)
    assert (first.query_y[:, 0] == 0).all()


def test_advice_on_own_actions_is_what_was_done(generator: torch.Generator) -> None:
    rule = Decided(UCB1(0.1, 3, generator))
    tasks = ShownTrials(Bandits(3, 8), (lambda _: rule,), "advised", lambda _: rule).sample(20, generator)
    assert torch.equal(tasks.query_y, tasks.support_y[..., 0].long())


def test_advice_depends_on_what_another_agent_has_found_out(generator: torch.Generator) -> None:
    always_second, greedy = Decided(Second()), Decided(Greedy(2, generator))
    trials = ShownTrials(Bandits(2, 3), (lambda _: always_second,), "advised", lambda _: greedy)
    tasks = trials.sample(100, generator)
    won_T = tasks.support_y[:, 0, 1] == 1
    assert (tasks.support_y[..., 0] == 1).all()
    assert (tasks.query_y[:, 0] == 0).all()
    assert torch.equal(tasks.query_y[:, 1], won_T.long())


def test_a_rule_that_gives_advice_acts_in_turn_with_the_agent(generator: torch.Generator) -> None:
    first, second = Decided(RandomArm(2, generator)), Decided(Second())
    trials = ShownTrials(Bandits(2, 1), (), "advised", lambda _: first).acted_by(second)
    tasks = [trials.sample(1, generator) for _ in range(20)]
    assert {float(each.support_y[0, 0, 0]) for each in tasks} == {0.0, 1.0}
    assert {int(each.query_y) for each in tasks} == {0}


@pytest.mark.parametrize(("shows", "rule"), [("advised", None), ("best", RandomArm)])
def test_a_rule_belongs_to_advice(shows: str, rule) -> None:
    with pytest.raises(UserError, match="A rule was expected"):
        ShownTrials(Bandits(), (), shows, rule)  # type: ignore[arg-type]


class Second(RandomArm):
    """Prefers the second of two arms."""

    def __init__(self) -> None:
        super().__init__(2, torch.Generator())

    def predict(self, state, observation):
        return torch.distributions.Categorical(torch.tensor([0.1, 0.9]).expand(*observation.shape[:2], 2))
