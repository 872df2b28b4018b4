"""The order of the data: it can be saved, and gone back to."""

import pytest
import torch

from vaelib.train.batches import Batches


def rows(n):
    return torch.arange(n, dtype=torch.float64)[:, None]


def taken(batches, n):
    return [next(batches).flatten().tolist() for _ in range(n)]


@pytest.mark.parametrize("batch_size", [4, None, 12])
@pytest.mark.parametrize("skipped", [0, 1, 2, 3, 5])
def test_what_was_saved_goes_on_as_if_nothing_had_happened(batch_size, skipped):
    def data(epoch):
        # new in each epoch, from the global generator
        return rows(10) + torch.rand(1) + 100 * epoch

    torch.manual_seed(3)
    batches = Batches(data, batch_size, seed=1)
    taken(batches, skipped + 1)
    state = batches.state()
    noise = torch.get_rng_state()
    truth = taken(batches, 6)
    torch.manual_seed(99)
    again = Batches(data, batch_size, seed=5)
    again.restore(state, "run")
    torch.set_rng_state(noise)
    assert taken(again, 6) == truth


def test_the_order_does_not_depend_on_the_global_generator():
    one, two = Batches(rows(10), 4, seed=0), Batches(rows(10), 4, seed=0)
    first = taken(one, 6)
    torch.rand(7)
    assert taken(two, 6) == first != taken(Batches(rows(10), 4, seed=1), 6)


@pytest.mark.parametrize("bad", [torch.zeros(3), torch.zeros(0, 2), [[1.0]], None])
def test_bad_data_are_named(bad):
    with pytest.raises(ValueError, match=r"x must be a tensor of shape \(B, X\)"):
        Batches(bad, 4, seed=0)
