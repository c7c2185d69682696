from __future__ import annotations

import random

import numpy as np
import pytest

from bakeoff.core import seeding
from bakeoff.core.seeding import default_threads, derive_seed, seed_everything, set_threads


def test_the_same_seed_draws_the_same_numbers() -> None:
    draws = []
    for _ in range(2):
        seed_everything(3)
        draws.append((random.random(), float(np.random.rand())))
    assert draws[0] == draws[1]


def test_derived_seeds_are_fixed_and_differ_by_purpose_and_epoch() -> None:
    seeds = {derive_seed(0, "order", epoch) for epoch in range(50)} | {derive_seed(0, "augment", 0)}
    assert len(seeds) == 51
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(7, "order", 1) == derive_seed(7, "order", 1)


def test_cpus_count_where_cores_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeding.psutil, "cpu_count", lambda logical: None)
    monkeypatch.setattr(seeding.os, "sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)
    assert default_threads() == 3


def test_threads_are_at_least_one() -> None:
    assert default_threads() >= 1


@pytest.mark.torch
def test_torch_is_seeded_and_limited_where_it_is_loaded() -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    seed_everything(5)
    first = torch.rand(3)
    seed_everything(5)
    assert torch.equal(first, torch.rand(3))
    assert set_threads(1) == 1
    assert torch.get_num_threads() == 1
    assert set_threads(None) == default_threads() == torch.get_num_threads()
    torch.set_num_threads(before)
