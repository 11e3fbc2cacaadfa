import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from quickstudy.networks.memory import (
    AccessOptions,
    MemoryState,
    access,
    content_weights,
    empty_memory,
    least_used,
    lstm_step,
    write_weights,
)

TASKS, SLOTS, WIDTH, HEADS = 3, 9, 5, 4
FLOAT64 = torch.zeros((), dtype=torch.float64)
OPEN, SHUT = 1e4, -1e4
"""Gates of which the sigmoid is 1 and 0 exactly."""


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def state() -> MemoryState:
    """In use for a while."""
    weights = random(TASKS, HEADS, SLOTS, seed=1).softmax(dim=-1)
    return MemoryState(random(TASKS, SLOTS, WIDTH), weights, random(TASKS, SLOTS, seed=2).exp())


@pytest.fixture
def keys():
    return random(TASKS, HEADS, WIDTH, seed=3).tanh()


@pytest.fixture
def gates():
    return random(TASKS, HEADS, seed=4)


def erased(state: MemoryState) -> torch.Tensor:
    memory = state.memory.clone()
    for task in range(len(memory)):
        memory[task, state.usage[task].argmin()] = 0
    return memory


orders = pytest.mark.parametrize("addresses", ["before", "after"])


@orders
@pytest.mark.parametrize("reads", ["before", "after"])
@pytest.mark.parametrize("erase", ["none", "first", "every"])
@pytest.mark.parametrize("least", [None, 1, 3])
def test_a_step_equals_the_equations_written_out_for_every_slot(addresses, reads, erase, least, state, keys, gates):
    after, found = access(state, keys, gates, options=AccessOptions(addresses, reads, erase, least, decay=0.9))
    for task in range(TASKS):
        order = sorted(range(SLOTS), key=lambda slot: float(state.usage[task, slot]))
        memory, write = state.memory[task].clone(), torch.zeros(HEADS, SLOTS, dtype=torch.float64)
        for slot in {"none": [], "first": order[:1], "every": order[: least or HEADS]}[erase]:
            memory[slot] = 0
        for head in range(HEADS):
            alpha = torch.sigmoid(gates[task, head])
            fresh = [order[head]] if least is None else order[:least]
            for slot in range(SLOTS):
                write[head, slot] = alpha * state.read_weights[task, head, slot] + (1 - alpha) * float(slot in fresh)
                memory[slot] += write[head, slot] * keys[task, head]
        memories = {"before": state.memory[task], "after": memory}
        for head in range(HEADS):
            rows = memories[addresses]
            cosines = torch.stack([F.cosine_similarity(keys[task, head], row, dim=0) for row in rows])
            assert torch.allclose(after.read_weights[task, head], cosines.softmax(dim=0), atol=1e-12)
            read = sum(w * row for w, row in zip(cosines.softmax(dim=0), memories[reads], strict=True))
            assert torch.allclose(found[task, head], read, atol=1e-12)
        assert torch.allclose(after.memory[task], memory, atol=1e-12)
        usage = 0.9 * state.usage[task] + (after.read_weights[task] + write).sum(dim=0)
        assert torch.allclose(after.usage[task], usage, atol=1e-12)


def made_by_hand() -> tuple[MemoryState, torch.Tensor]:
    """Three orthogonal rows, the third the least used; and the key of a single head, which is like the second."""
    rows = torch.tensor([[[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]], dtype=torch.float64)
    usage, last_read = torch.tensor([[2.0, 1.0, 0.0]]).double(), torch.tensor([[[1.0, 0, 0]]]).double()
    return MemoryState(rows, last_read, usage), torch.tensor([[[0.0, 1, 0, 0]]], dtype=torch.float64)


@pytest.mark.parametrize(("addresses", "found"), [("before", [0, 1, 0]), ("after", [0, 0.5, 0.5])])
def test_a_key_made_by_hand_finds_its_own_fresh_row_only_where_the_written_memory_is_addressed(addresses, found):
    """The key is written to the third row, which it then resembles as well as the second."""
    state, key = made_by_hand()
    sharp, shut = torch.full((1, 1), 1e3).double(), torch.full((1, 1), SHUT).double()
    after, _ = access(state, key, shut, sharp, AccessOptions(addresses))
    assert torch.allclose(after.read_weights[0, 0], torch.tensor(found, dtype=torch.float64), atol=1e-12)


@pytest.mark.parametrize(("reads", "content"), [("before", [0, 1, 0, 0]), ("after", [0, 1, 0, 3])])
def test_content_is_read_from_the_memory_before_or_after_the_writing(reads, content):
    """The gate is open and the second row was read last, so the key is added to the row that it finds."""
    state, _ = made_by_hand()
    state = state._replace(read_weights=torch.tensor([[[0.0, 1, 0]]]).double())
    key = torch.tensor([[[0.0, 0, 0, 3]]]).double()
    rows = state.memory.clone()
    rows[0, 1, 3] = 1e-9  # The only row that the key resembles at all.
    sharp, open_gate = torch.full((1, 1), 1e13).double(), torch.full((1, 1), OPEN).double()
    _, read = access(state._replace(memory=rows), key, open_gate, sharp, AccessOptions("before", reads))
    assert torch.allclose(read[0, 0], torch.tensor(content, dtype=torch.float64), atol=1e-8)


def test_what_is_written_is_neither_lost_nor_invented(state, keys, gates):
    written = access(state, keys, gates)[0].memory - erased(state)
    outer = torch.einsum("trm,trw->tmw", write_weights(state.read_weights, least_used(state.usage, HEADS), gates), keys)
    assert torch.allclose(written, outer, atol=1e-12)
    assert torch.allclose(written.sum(dim=1), keys.sum(dim=1), atol=1e-12)


def test_every_heads_write_weights_are_a_distribution(state, gates):
    weights = write_weights(state.read_weights, least_used(state.usage, HEADS), gates)
    assert (weights >= 0).all()
    assert torch.allclose(weights.sum(dim=-1), torch.ones(TASKS, HEADS, dtype=torch.float64), atol=1e-12)


def test_an_open_gate_writes_where_the_head_last_read(state):
    assert torch.equal(
        write_weights(state.read_weights, least_used(state.usage, HEADS), torch.full((TASKS, HEADS), OPEN)),
        state.read_weights,
    )


def test_a_shut_gate_writes_each_head_to_its_own_least_used_slot(state):
    weights = write_weights(
        state.read_weights, least_used(state.usage, HEADS), torch.full((TASKS, HEADS), SHUT, dtype=torch.float64)
    )
    expected = state.usage.topk(HEADS, dim=1, largest=False).indices
    assert torch.equal(weights, F.one_hot(expected, SLOTS).double())
    assert (weights.sum(dim=1) <= 1).all()


def test_the_least_used_row_is_erased(state, keys):
    last_read = F.one_hot(state.usage.argmax(dim=1), SLOTS).double()[:, None].expand(-1, HEADS, -1)
    after, _ = access(state._replace(read_weights=last_read), keys, torch.full((TASKS, HEADS), OPEN).double())
    is_zero = (after.memory == 0).all(dim=-1)
    assert torch.equal(is_zero, F.one_hot(state.usage.argmin(dim=1), SLOTS).bool())


@pytest.mark.parametrize(("erase", "wiped"), [("none", 0), ("first", 1), ("every", HEADS)])
def test_as_many_of_the_least_used_rows_are_erased_as_the_option_says(erase, wiped, state, keys):
    last_read = F.one_hot(state.usage.argmax(dim=1), SLOTS).double()[:, None].expand(-1, HEADS, -1)
    gates = torch.full((TASKS, HEADS), OPEN).double()
    after, _ = access(state._replace(read_weights=last_read), keys, gates, options=AccessOptions(erase=erase))
    expected = F.one_hot(least_used(state.usage, HEADS)[:, :wiped], SLOTS).sum(dim=1).bool()
    assert torch.equal((after.memory == 0).all(dim=-1), expected)


def test_shared_least_used_slots_are_written_to_by_every_head_with_full_weight(state):
    shut = torch.full((TASKS, HEADS), SHUT, dtype=torch.float64)
    least = least_used(state.usage, 2)
    weights = write_weights(state.read_weights, least, shut, are_shared=True)
    assert torch.equal(weights, F.one_hot(least, SLOTS).sum(dim=1, keepdim=True).expand(-1, HEADS, -1).double())


@pytest.mark.parametrize("usage", [torch.zeros(2, 128), torch.full((2, 128), 0.25)])
def test_equally_used_slots_are_taken_in_order_and_no_more_than_asked_for(usage):
    assert torch.equal(least_used(usage, 4), torch.arange(4).expand(2, 4))
    assert torch.equal(least_used(usage, 1), torch.zeros(2, 1, dtype=torch.long))


def test_slots_are_taken_from_the_least_used_on():
    assert least_used(torch.tensor([[3.0, 0.5, 2.0, 0.5, 0.1]]), 4).tolist() == [[4, 1, 3, 2]]
    assert least_used(torch.tensor([[3.0, 0.1, 2.0, 0.1, 0.5]]), 1).tolist() == [[1]]


def test_total_usage_follows_its_recursion(state, keys, gates):
    after, _ = access(state, keys, gates)
    assert torch.allclose(after.usage.sum(dim=1), 0.99 * state.usage.sum(dim=1) + 2 * HEADS, atol=1e-12)


def test_total_usage_settles_at_eight_hundred(keys, gates):
    state = empty_memory(FLOAT64, TASKS, SLOTS, WIDTH, HEADS)
    state = state._replace(usage=torch.full_like(state.usage, 800 / SLOTS))
    for _ in range(5):
        state, _ = access(state, keys, gates)
        assert torch.allclose(state.usage.sum(dim=1), torch.full((TASKS,), 800.0, dtype=torch.float64), atol=1e-9)


def test_an_idle_slots_usage_fades_until_it_is_taken_before_those_in_use():
    """Slot 1 is written once and then left alone, while all that happens is at slot 0."""
    state = empty_memory(FLOAT64, 1, 3, 2, 1)
    rows = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]], dtype=torch.float64)
    state = state._replace(memory=rows, usage=torch.tensor([[0.9, 1.0, 0.0]], dtype=torch.float64))
    key, gate, sharp = rows[:, :1], torch.full((1, 1), OPEN).double(), torch.full((1, 1), 1e4).double()
    assert least_used(state.usage, 2).tolist() == [[2, 0]]
    for step in range(1, 8):
        state, _ = access(state, key, gate, sharp, AccessOptions(decay=0.9))
        assert float(state.usage[0, 1]) == pytest.approx(0.9**step, abs=1e-12)
    assert least_used(state.usage, 2).tolist() == [[2, 1]]


def test_read_weights_are_a_distribution(state, keys, gates):
    weights = access(state, keys, gates)[0].read_weights
    assert (weights > 0).all()
    assert torch.allclose(weights.sum(dim=-1), torch.ones(TASKS, HEADS, dtype=torch.float64), atol=1e-12)


def test_an_empty_memory_reads_as_nothing(gates):
    state = empty_memory(FLOAT64, TASKS, SLOTS, WIDTH, HEADS)
    after, reads = access(state, torch.zeros(TASKS, HEADS, WIDTH, dtype=torch.float64), gates)
    assert (reads.abs() < 2e-6).all()
    assert torch.allclose(after.read_weights, torch.full((), 1 / SLOTS, dtype=torch.float64), atol=1e-12)


def test_without_sharpening_even_a_perfect_match_is_read_faintly():
    rows = torch.eye(128, dtype=torch.float64)[None]
    best = content_weights(rows, rows[:, :1]).max()
    assert float(best) == pytest.approx(math.e / (math.e + 127), abs=1e-12)
    assert float(content_weights(rows, rows[:, :1], torch.full((1, 1), 20.0)).max()) > 0.99


def test_a_keys_length_does_not_matter_to_where_it_is_found(state, keys):
    assert torch.allclose(content_weights(state.memory, 7 * keys), content_weights(state.memory, keys), atol=1e-12)


def test_tasks_have_memories_of_their_own(state, keys, gates):
    together, reads = access(state, keys, gates)
    alone, read = access(MemoryState(*(part[1:2] for part in state)), keys[1:2], gates[1:2])
    assert torch.allclose(together.memory[1:2], alone.memory, atol=1e-12)
    assert torch.allclose(reads[1:2], read, atol=1e-12)


@orders
def test_gradients_are_those_of_finite_differences(addresses, state, keys, gates):
    def step(memory, weights, keys, gates, sharpness):
        options = AccessOptions(addresses)
        after, reads = access(MemoryState(memory, weights, state.usage), keys, gates, sharpness, options)
        return after.memory, after.read_weights, reads

    given = state.memory, state.read_weights, keys, gates, random(TASKS, HEADS, seed=5).exp()
    assert torch.autograd.gradcheck(step, [part.clone().requires_grad_() for part in given])


def test_no_gradient_passes_through_the_ranking_by_usage(state, keys, gates):
    after, _ = access(state, keys.requires_grad_(), gates.requires_grad_())
    assert after.memory.requires_grad
    assert not after.usage.requires_grad


def test_gradients_stay_finite_through_an_empty_memory_and_unused_rows():
    state = empty_memory(torch.zeros(()), 2, 128, 40, 4)
    keys = torch.randn(2, 4, 40, generator=torch.Generator().manual_seed(0)).requires_grad_()
    for gate in (SHUT, OPEN, 0.0):
        for _ in range(3):
            state, reads = access(state, keys, torch.full((2, 4), gate))
    reads.sum().backward()
    assert keys.grad.isfinite().all()


def test_in_mixed_precision_the_memory_is_that_of_full_precision(state, keys, gates):
    state = MemoryState(*(part.float() for part in state))  # Autocast leaves doubles alone.
    rounded = keys.bfloat16(), gates.bfloat16()
    expected, expected_reads = access(state, *(part.to(state.memory.dtype) for part in rounded))
    with torch.autocast("cpu", torch.bfloat16):
        new, reads = access(state, *rounded)
    assert torch.equal(reads, expected_reads)
    for part, full in zip(new, expected, strict=True):
        assert part.dtype == state.memory.dtype
        assert torch.equal(part, full)


def test_an_lstm_step_is_the_standard_one():
    torch.manual_seed(0)
    reference = nn.LSTMCell(6, 4).double()
    x, h, c = random(TASKS, 6), random(TASKS, 4, seed=1), random(TASKS, 4, seed=2)
    expected = reference(x, (h, c))
    drive = x @ reference.weight_ih.T + reference.bias_ih + h @ reference.weight_hh.T + reference.bias_hh
    i, f, u, o = drive.chunk(4, dim=-1)  # torch's order
    found = lstm_step(torch.cat([f, i, o, u], dim=-1), c)
    assert torch.allclose(found.hidden, expected[0], atol=1e-12)
    assert torch.allclose(found.cell, expected[1], atol=1e-12)
