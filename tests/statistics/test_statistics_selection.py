"""What having been chosen costs, by hand and in small simulations; the large ones are benchmarks/winner.py."""

import numpy as np
import pytest

from bakeoff.statistics.interval import Interval
from bakeoff.statistics.paired import McNemar, n_needed, needed_range
from bakeoff.statistics.selection import Shift, chosen_again


def test_the_shift_lies_between_its_two_estimates():
    shift = Shift(left_out=-0.04, optimism=0.02)
    assert shift.total == pytest.approx(-0.75 * 0.04 - 0.25 * 0.02)
    assert shift.ends == (-0.04, -0.02)
    assert Shift(left_out=0.01, optimism=0.0).ends == (0.0, 0.01)


def test_a_clear_lead_is_chosen_again_and_equals_are_a_fair_draw():
    rng = np.random.default_rng(0)
    first = lambda values: values.argmax(axis=1)  # noqa: E731
    noise = rng.normal(0, 0.02, (4000, 3))
    clear = np.array([0.9, 0.7, 0.5])
    assert chosen_again(clear, clear + noise, first).tolist() == [1.0, 0.0, 0.0]
    # less far apart than noise alone puts them: hardly anything is known, so each is chosen nearly as often
    equal = np.array([0.82, 0.80, 0.81])
    assert chosen_again(equal, equal + noise, first) == pytest.approx([1 / 3] * 3, abs=0.07)
    same = np.full(3, 0.8)
    assert chosen_again(same, same + noise, first) == pytest.approx([1 / 3] * 3, abs=0.03)
    two = np.array([0.90, 0.84])  # three standard errors of the difference, of two candidates: likely, not certain
    assert 0.8 < chosen_again(two, two + rng.normal(0, 0.014, (4000, 2)), first)[0] < 0.97


def test_the_share_is_what_fresh_test_sets_do():
    rng = np.random.default_rng(1)
    said, done, naive = [], [], []
    for _ in range(200):
        true = rng.normal(0.85, 0.03, 10)
        observed = true + rng.normal(0, 0.03, 10)
        drawn = observed + rng.normal(0, 0.03, (400, 10))
        winner = observed.argmax()
        said.append(chosen_again(observed, drawn, lambda values: values.argmax(axis=1))[winner])
        naive.append((drawn.argmax(axis=1) == winner).mean())
        done.append(((true + rng.normal(0, 0.03, (50, 10))).argmax(axis=1) == winner).mean())
    assert np.mean(said) == pytest.approx(np.mean(done), abs=0.05)
    assert np.mean(naive) > np.mean(done) + 0.1  # plain resampling says too much


def test_the_range_of_products_needed_follows_the_interval():
    test, alpha = McNemar(16, 6, 0.05, "mcnemar_exact"), 0.01
    needed = needed_range(test, Interval(0.1, 0.02, 0.18, "by hand"), 100, alpha=alpha)
    assert needed == (n_needed(20, 2, 100, alpha=alpha), n_needed(12, 10, 100, alpha=alpha))
    assert needed == needed_range(test, Interval(-0.1, -0.18, -0.02, "by hand"), 100, alpha=alpha)
    assert needed_range(test, Interval(0.1, 0.0, 0.2, "by hand"), 100, alpha=alpha) is None  # no number is enough
    assert needed_range(test, Interval(0.1, 0.01, 0.2, "by hand"), 100, alpha=alpha) is None  # 400 times apart
    few = needed_range(McNemar(4, 0, 0.1, "mcnemar_exact"), Interval(0.04, 0.02, 0.1, "by hand"), 100, alpha=alpha)
    assert few == (n_needed(4, 0, 100, alpha=alpha), n_needed(3, 1, 100, alpha=alpha))  # never beyond all that differ
