# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The One-Euro filter against its authors' data, and with unknown entries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mirror_robot.human.one_euro import OneEuroFilter

REFERENCE = Path(__file__).parent / "data" / "one_euro_ground_truth.csv"


def _filtered(filter_: OneEuroFilter, times, values) -> np.ndarray:
    return np.array([filter_(time, value) for time, value in zip(times, values)])


def test_the_authors_ground_truth_is_reproduced():
    times, _, noisy, expected = np.loadtxt(REFERENCE, delimiter=",", skiprows=3).T
    filtered = _filtered(OneEuroFilter(mincutoff=1.0, beta=0.1, dcutoff=1.0), times, noisy)
    assert len(times) == 120
    np.testing.assert_allclose(filtered, expected, rtol=0, atol=2.5e-5)


def test_every_entry_of_an_array_is_filtered_as_if_alone():
    times = np.arange(50) / 30
    values = np.random.default_rng(1).normal(size=(50, 4, 3))
    together = _filtered(OneEuroFilter(1.0, 0.5), times, values)
    alone = _filtered(OneEuroFilter(1.0, 0.5), times, values[:, 2, 1])
    np.testing.assert_allclose(together[:, 2, 1], alone)


def test_vectors_are_filtered_alike_in_every_direction():
    times = np.arange(60) / 30
    path = np.random.default_rng(2).normal(size=(60, 3)).cumsum(axis=0)
    turn, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    straight = _filtered(OneEuroFilter(1.0, 0.5, vectors=True), times, path)
    turned = _filtered(OneEuroFilter(1.0, 0.5, vectors=True), times, path @ turn)
    np.testing.assert_allclose(turned, straight @ turn, atol=1e-9)


def test_an_entry_that_was_unknown_comes_back_where_it_is_and_leaves_the_others_alone():
    times = np.arange(6) / 30
    values = np.array([[0, 0], [0, 1], [np.nan, 0], [np.nan, 1], [5, 0], [5, 1]], float)
    filtered = _filtered(OneEuroFilter(1.0), times, values)
    assert np.isnan(filtered[2:4, 0]).all()
    assert filtered[4, 0] == 5.0 and filtered[5, 0] == 5.0
    np.testing.assert_allclose(
        filtered[:, 1], _filtered(OneEuroFilter(1.0), times, values[:, 1]))


def test_time_that_steps_back_starts_the_filter_anew():
    filter_ = OneEuroFilter(1.0)
    filter_(10.0, 0.0), filter_(10.1, 0.0)
    assert filter_(3.0, 7.0) == 7.0


def test_a_repeated_stamp_changes_nothing():
    filter_ = OneEuroFilter(1.0)
    filter_(0.0, 0.0)
    first = filter_(0.1, 1.0)
    assert filter_(0.1, 99.0) == first


@pytest.mark.parametrize("wrong", [{"mincutoff": 0.0}, {"dcutoff": -1.0}, {"beta": -0.1}])
def test_constants_that_make_no_filter_are_refused(wrong):
    with pytest.raises(ValueError, match="cutoffs must be above 0"):
        OneEuroFilter(**wrong)
