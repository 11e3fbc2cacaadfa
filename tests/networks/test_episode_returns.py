import torch

from quickstudy.networks.episode_returns import linear_baseline, returns_within_episodes, step_of_episode

ENDED = torch.tensor([[False, False, True, False, True, False], [True, False, False, False, True, True]])


def test_returns_are_those_of_the_definition(generator: torch.Generator) -> None:
    reward = torch.rand(2, 6, generator=generator)
    found = returns_within_episodes(reward, ENDED, 0.5)
    expected = torch.stack(
        [
            reward[0, 0] + reward[0, 1] / 2 + reward[0, 2] / 4,
            reward[0, 1] + reward[0, 2] / 2,
            reward[0, 2],
            reward[0, 3] + reward[0, 4] / 2,
            reward[0, 4],
            reward[0, 5],
        ]
    )
    assert torch.allclose(found[0], expected)


def test_steps_are_counted_from_the_start_of_the_episode() -> None:
    assert step_of_episode(ENDED).tolist() == [[0, 1, 2, 0, 1, 0], [0, 0, 1, 2, 3, 0]]


def test_what_is_linear_in_the_features_is_found_exactly(generator: torch.Generator) -> None:
    seen = torch.rand(3, 60, 2, generator=generator, dtype=torch.float64)
    ended = (torch.arange(60) % 6 == 5).expand(3, 60)
    time = step_of_episode(ended).double() / 10
    returns = 2 * seen[..., 0] - seen[..., 1].square() + time**2 + 3
    counts = torch.ones(3, 60, dtype=torch.bool)
    assert torch.allclose(linear_baseline(seen, ended, returns, counts), returns, atol=0.02)


def test_steps_that_do_not_count_change_nothing(generator: torch.Generator) -> None:
    seen, returns = torch.rand(2, 30, 2, generator=generator), torch.rand(2, 30, generator=generator)
    ended = (torch.arange(30) % 5 == 4).expand(2, 30)
    counts = (torch.arange(30) < 20).expand(2, 30)
    found = linear_baseline(seen, ended, returns, counts)
    other = torch.where(counts, returns, 100.0)
    assert torch.equal(found, linear_baseline(seen, ended, other, counts))
    alone = linear_baseline(seen[1:], ended[1:], returns[1:], counts[1:])
    assert torch.allclose(found[1:], alone, atol=1e-5)
