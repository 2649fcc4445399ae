# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Commands by a clock that may be simulated."""

from __future__ import annotations

import numpy as np
import pytest

from mirror_robot.actuation.pace import Pace

PERIOD = 0.01


def times_sent(times):
    pace = Pace(PERIOD, times[0])
    return np.array([now for now in times if pace.due(now)])


@pytest.mark.parametrize("factor", [0.05, 0.3, 0.45, 0.6, 0.9, 1.0])
@pytest.mark.parametrize("jitter", [0.0, 0.4])
def test_in_slow_physics_no_more_commands_are_sent_than_periods_pass(factor, jitter):
    random = np.random.default_rng(7)
    looks = PERIOD * (np.arange(4000) + jitter * random.uniform(-1.0, 1.0, 4000))
    now = np.sort(factor * looks)
    sent = times_sent(now)
    # In no stretch of time, but for one that comes late and one that comes early: the robot
    # would be faster than its limits there.
    allowed = np.arange(len(sent))
    ahead = allowed - (sent - sent[0]) / PERIOD
    assert (ahead - np.minimum.accumulate(ahead)).max() < 2.0
    assert len(sent) >= 0.98 * (now[-1] - now[0]) / PERIOD - 1


def test_a_clock_that_leaps_or_stands_makes_no_bursts():
    leaping = np.repeat(np.arange(0.0, 4.0, 0.2), 20)
    assert len(times_sent(leaping)) == 19
    assert len(times_sent(np.full(100, 5.0))) == 0


def test_after_the_clock_was_set_back_commands_go_on_at_once():
    now = np.concatenate([np.arange(50.0, 51.0, PERIOD), np.arange(2.0, 3.0, PERIOD)])
    assert len(times_sent(now)) == 199
