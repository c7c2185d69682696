"""What can be classified alone: thresholds and shares by hand."""

import numpy as np
import pytest

from bakeoff.evaluation.calibration import automation_record, fit_threshold
from bakeoff.records.evaluation import Automation
from bakeoff.statistics.interval import wilson_interval

CONFIDENCE = np.array([0.9, 0.99, 0.6, 0.8, 0.7])
RIGHT = np.array([True, True, False, True, False])  # by confidence: right, right, right, wrong, wrong


@pytest.mark.parametrize(("precision", "threshold"), [(0.99, 0.8), (0.75, 0.7), (0.6, 0.6), (0.61, 0.7)])
def test_the_threshold_is_the_least_that_keeps_the_promise(precision, threshold):
    assert fit_threshold(CONFIDENCE, RIGHT, precision) == threshold


def test_equal_confidences_stay_together_and_no_threshold_may_do():
    tied = np.full(5, 0.7)
    assert fit_threshold(tied, RIGHT, 0.6) == 0.7
    assert fit_threshold(tied, RIGHT, 0.9) is None  # not the three right ones alone
    assert fit_threshold(np.array([]), np.array([], dtype=bool), 0.9) is None


def test_share_and_precision_are_those_of_the_test_products():
    test = np.array([0.95, 0.85, 0.8, 0.79, 0.1]), np.array([True, False, True, True, True])
    found = Automation(**automation_record((CONFIDENCE, RIGHT), test, 0.9))
    assert (found.threshold, found.share, found.n, found.precision) == (0.8, 0.6, 3, pytest.approx(2 / 3))
    assert (found.share_low, found.share_high) == wilson_interval(0.6, 5)
    assert (found.precision_low, found.precision_high) == wilson_interval(2 / 3, 3)
    assert not found.refuted  # three leave up to 0.94 open
    assert found.usable_share == 0.6


def test_a_promise_that_the_test_products_refute_counts_as_nothing():
    test = np.full(200, 0.95), np.arange(200) % 2 == 0
    found = Automation(**automation_record((CONFIDENCE, RIGHT), test, 0.98))
    assert found.refuted
    assert (found.share, found.usable_share) == (1.0, 0.0)


def test_no_threshold_is_no_share():
    found = Automation(**automation_record((CONFIDENCE, ~RIGHT), (CONFIDENCE, RIGHT), 0.9))
    assert (found.threshold, found.share, found.n, found.precision) == (None, 0.0, 0, None)
    assert not found.refuted
