# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The shaper keeps every limit whatever is asked of it, and follows what can be followed."""

from __future__ import annotations

import numpy as np
import pytest

from mirror_robot.actuation.limits import JointLimits, LimitsError
from mirror_robot.actuation.shaping import Shaper
from mirror_robot.actuation.stopping import stop_from, stoppable_speed

PERIOD = 0.01
TOLERANCE = 1e-6  # of a limit: rounding, nothing else


def make_limits(count: int = 6, **changes: float) -> JointLimits:
    values = {"lower": -1.5, "upper": 1.5, "velocity": 5.0, "acceleration": 20.0, "jerk": 400.0}
    values |= changes
    return JointLimits(tuple(f"joint_{i}" for i in range(count)),
                       *(np.full(count, value) for value in values.values()))


def random_limits(count: int, rng: np.random.Generator) -> JointLimits:
    return JointLimits(
        tuple(f"joint_{i}" for i in range(count)), -rng.uniform(0.1, 2.5, count),
        rng.uniform(0.1, 2.5, count), rng.uniform(0.5, 12.0, count),
        rng.uniform(2.0, 150.0, count), np.exp(rng.uniform(4.0, 9.0, count)))


def assert_within(limits: JointLimits, motions: np.ndarray, start: np.ndarray) -> None:
    """Check states (t, 3, n) as integrated, and the finite differences of their positions."""
    p, v, a = motions.transpose(1, 0, 2)
    # From outside of the range a joint comes back; it never goes farther out.
    assert (p <= np.maximum(limits.upper, start) + TOLERANCE).all()
    assert (p >= np.minimum(limits.lower, start) - TOLERANCE).all()
    speed = np.diff(p, axis=0) / PERIOD
    acceleration = np.diff(speed, axis=0) / PERIOD
    jerk = np.diff(acceleration, axis=0) / PERIOD
    most = 1.0 + TOLERANCE
    for values, limit in (
        (v, limits.velocity), (speed, limits.velocity), (a, limits.acceleration),
        (acceleration, limits.acceleration), (np.diff(a, axis=0) / PERIOD, limits.jerk),
        # Third differences of positions carry their rounding divided by PERIOD^3.
        (np.sign(jerk) * np.maximum(np.abs(jerk) - 1e-8, 0.0), limits.jerk),
    ):
        assert (np.abs(values) <= limit * most).all()


def state(shaper: Shaper) -> np.ndarray:
    motion = shaper.motion
    return np.stack([motion.position, motion.velocity, motion.acceleration])


def run(shaper: Shaper, steps: int, target, **arguments) -> np.ndarray:
    states = [state(shaper)]
    for _ in range(steps):
        shaper.step(target, **arguments)
        states.append(state(shaper))
    return np.array(states)


def adversary(kind: int, limits: JointLimits, rng: np.random.Generator):
    """Yield target, velocity, acceleration for ever, in one of several nasty ways."""
    count = len(limits)
    omega, amplitude, phase = (rng.uniform(0.3, 40.0, count), rng.uniform(0.0, 3.0, count),
                               rng.uniform(0.0, 6.3, count))
    frozen = rng.uniform(limits.lower, limits.upper)
    time = 0.0
    while True:
        time += PERIOD
        sine, cosine = np.sin(omega * time + phase), np.cos(omega * time + phase)
        far = rng.normal(0.0, 10.0, count)
        wild = rng.normal(0.0, 1e3, count), rng.normal(0.0, 1e5, count)
        corner = np.where(int(time * 10.0) % 2, limits.lower, limits.upper)
        yield (
            (rng.uniform(1.5 * limits.lower, 1.5 * limits.upper), 0.0, 0.0),
            (amplitude * sine, amplitude * omega * cosine, -amplitude * omega**2 * sine),
            (np.where(rng.random(count) < 0.3, np.nan, far), *wild),
            (corner, np.where(corner > 0.0, 99.0, -99.0), 0.0),
            (np.full(count, np.nan), np.nan, np.nan),
            (frozen, 0.0, 0.0),
            (np.where(rng.random(count) < 0.1, np.inf, frozen), np.inf, -np.inf),
            (frozen + rng.normal(0.0, 1e-3, count), *(0.1 * wild[0], 0.0)),
        )[kind]


@pytest.mark.parametrize("seed", range(4))
def test_no_target_stream_leads_a_joint_out_of_its_limits(seed):
    rng = np.random.default_rng(seed)
    limits = random_limits(60, rng)
    shaper = Shaper(limits, PERIOD)
    start = rng.uniform(limits.lower, limits.upper)
    shaper.start(start, rng.normal(0.0, 6.0, 60))
    states, scale = [state(shaper)], 1.0
    for _ in range(16):
        stream = adversary(int(rng.integers(8)), limits, rng)
        scale = rng.uniform(0.02, 1.0)
        for _ in range(60):
            shaper.step(*next(stream), scale=scale)
            states.append(state(shaper))
    assert_within(limits, np.array(states), start)
    assert (states[-1][0] <= limits.upper).all() and (states[-1][0] >= limits.lower).all()


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happened_before_a_joint_stands_in_the_time_its_limits_allow(seed):
    rng = np.random.default_rng(seed)
    limits = random_limits(60, rng)
    shaper = Shaper(limits, PERIOD)
    for kind in range(8):
        stream = adversary(kind, limits, rng)
        for _ in range(40):
            shaper.step(*next(stream))
        # From top speed and full acceleration in the direction of travel.
        v, a, j = limits.velocity, limits.acceleration, limits.jerk
        longest = v / a + 2.0 * a / j + np.sqrt(4.0 * v / j)
        states = run(shaper, int(np.ceil(longest.max() / PERIOD)) + 1, np.full(60, np.nan))
        assert shaper.standing
        assert_within(limits, states, states[0, 0])


def test_a_start_outside_the_range_comes_back_without_a_step():
    limits = make_limits(2)
    shaper = Shaper(limits, PERIOD)
    start = np.array([1.6, -1.9])
    shaper.start(start)
    states = run(shaper, 200, np.zeros(2))
    assert (states[0, 0] == start).all()
    assert_within(limits, states, start)
    assert (np.diff(np.abs(states[:60, 0]), axis=0) <= 0.0).all()
    np.testing.assert_allclose(states[-1, 0], 0.0, atol=1e-3)


def test_a_start_at_full_speed_toward_the_limit_does_not_run_through_it():
    limits = make_limits(1)
    shaper = Shaper(limits, PERIOD)
    shaper.start(np.array([1.45]), np.array([50.0]))
    states = run(shaper, 200, np.array([9.0]))
    assert_within(limits, states, states[0, 0])


def test_a_target_that_jumps_is_reached_without_overshoot():
    limits = make_limits(1)
    shaper = Shaper(limits, PERIOD)
    shaper.start(np.array([-1.0]))
    states = run(shaper, 150, np.array([1.0]))
    assert_within(limits, states, states[0, 0])
    assert states[:, 0].max() <= 1.002
    assert abs(states[-1, 0, 0] - 1.0) < 1e-3
    assert shaper.standing


def test_a_target_that_disappears_leaves_the_joint_standing_near_and_others_moving():
    limits = make_limits(2)
    shaper = Shaper(limits, PERIOD)
    shaper.start(np.zeros(2))
    run(shaper, 15, np.array([1.0, 1.0]))
    end = shaper.stop.at(np.inf)[0]
    run(shaper, 100, np.array([1.0, np.nan]))
    assert abs(shaper.motion.position[0] - 1.0) < 1e-3
    assert shaper.motion.velocity[1] == 0.0
    assert shaper.motion.position[1] == pytest.approx(end[1])


@pytest.mark.parametrize("frequency", [0.5, 1.0])
def test_a_movement_within_the_limits_is_followed_without_lag(frequency):
    limits = make_limits(1)
    shaper = Shaper(limits, PERIOD)
    shaper.start(np.zeros(1))
    omega, amplitude = 2.0 * np.pi * frequency, 0.3
    times = PERIOD * np.arange(1, 600)
    positions = [shaper.step(np.array([amplitude * np.sin(omega * t)]),
                             amplitude * omega * np.cos(omega * t),
                             -amplitude * omega**2 * np.sin(omega * t)).position[0]
                 for t in times]
    error = np.array(positions) - amplitude * np.sin(omega * times)
    assert np.abs(error[200:]).max() < 0.05 * amplitude


@pytest.mark.parametrize("jerk", [400.0, 1e4, 1e5])
def test_a_target_too_fast_to_follow_is_chased_along_the_velocity_limit(jerk):
    # Braking whenever the limit is touched would stop a stiff joint in a single period.
    limits = make_limits(acceleration=100.0, jerk=jerk, velocity=2.0)
    shaper = Shaper(limits, PERIOD)
    shaper.start(np.full(6, -1.4))
    motions = []
    for step in range(100):
        shaper.step(np.full(6, -1.4 + 2.6 * PERIOD * step), 2.6)
        motions.append(state(shaper))
    motions = np.array(motions)
    assert (motions[40:, 1] > 0.98 * limits.velocity).all()
    assert_within(limits, motions, np.full(6, -1.4))


def test_a_light_joint_keeps_its_velocity_limit_between_samples_too():
    # It may turn its acceleration around within a period: both ends slow, the way too long.
    limits = make_limits(40, velocity=1.0, acceleration=400.0, jerk=15000.0)
    shaper, rng = Shaper(limits, PERIOD), np.random.default_rng(3)
    shaper.start(np.zeros(40))
    motions = [state(shaper)]
    for _ in range(1500):
        shaper.step(rng.uniform(-1.5, 1.5, 40), rng.uniform(-3.0, 3.0, 40),
                    rng.uniform(-400.0, 400.0, 40))
        motions.append(state(shaper))
    travelled = np.abs(np.diff(np.array(motions)[:, 0], axis=0))
    assert travelled.max() > 0.9 * limits.velocity[0] * PERIOD
    assert (travelled <= limits.velocity * PERIOD * (1.0 + TOLERANCE)).all()


def test_a_lower_speed_scale_bounds_speed_acceleration_and_jerk_alike():
    limits = make_limits(1)
    shaper = Shaper(limits, PERIOD)
    shaper.start(np.array([-1.4]))
    states = run(shaper, 600, np.array([1.4]), scale=0.1)
    assert np.abs(states[:, 1]).max() <= 0.5 + TOLERANCE
    assert np.abs(states[:, 2]).max() <= 2.0 + TOLERANCE
    assert np.abs(np.diff(states[:, 2], axis=0)).max() / PERIOD <= 40.0 + TOLERANCE
    assert abs(states[-1, 0, 0] - 1.4) < 1e-3


def test_a_scale_that_drops_while_moving_slows_the_joint_down_within_its_limits():
    limits = make_limits(1)
    shaper = Shaper(limits, PERIOD)
    shaper.start(np.array([-1.4]))
    first = run(shaper, 25, np.array([1.4]))
    second = run(shaper, 100, np.array([1.4]), scale=0.05)
    assert first[-1, 1, 0] > 1.0
    assert_within(limits, np.concatenate([first, second[1:]]), first[0, 0])
    assert np.abs(second[-20:, 1]).max() <= 0.25 + TOLERANCE


def test_a_state_that_is_no_number_is_refused_with_the_joints_named():
    with pytest.raises(ValueError, match="joint_1"):
        Shaper(make_limits(2), PERIOD).start(np.array([0.0, np.nan]))


def test_limits_that_no_motion_can_keep_are_refused_with_the_joints_named():
    for changes in ({"velocity": 0.0}, {"jerk": np.inf}, {"acceleration": np.nan},
                    {"lower": 2.0}):
        with pytest.raises(LimitsError, match="joint_0"):
            make_limits(1, **changes)


def test_the_stop_in_closed_form_is_what_integrating_its_jerk_gives():
    rng = np.random.default_rng(3)
    count = 2000
    limit, jerk = rng.uniform(2.0, 40.0, count), rng.uniform(50.0, 3000.0, count)
    p, v = rng.normal(0.0, 1.0, count), rng.normal(0.0, 4.0, count)
    a = rng.uniform(-1.0, 1.0, count) * limit
    stop = stop_from(p, v, a, limit, jerk)
    grid = np.linspace(0.0, 1.0, 2001)[:, None] * stop.duration
    positions, velocities, accelerations = stop.at(grid)
    assert (np.abs(accelerations) <= limit * (1.0 + 1e-9)).all()
    dt = stop.duration / 2000.0
    assert (np.abs(np.diff(accelerations, axis=0)) <= jerk * dt * (1.0 + 1e-6) + 1e-9).all()
    integral = p + np.cumsum((velocities[1:] + velocities[:-1]) / 2.0, axis=0)[-1] * dt
    np.testing.assert_allclose(stop.at(np.inf)[0], integral, atol=1e-4)
    np.testing.assert_allclose(velocities[-1], 0.0, atol=1e-7)
    low, high = stop.extent
    np.testing.assert_allclose(low, positions.min(axis=0), atol=1e-4)
    np.testing.assert_allclose(high, positions.max(axis=0), atol=1e-4)
    assert (low <= positions.min(axis=0) + 1e-9).all()
    assert (high >= positions.max(axis=0) - 1e-9).all()
    np.testing.assert_allclose(
        stop.peak_velocity, np.abs(velocities).max(axis=0), rtol=1e-4, atol=1e-4)


def test_from_the_stoppable_speed_a_stop_takes_just_the_distance():
    distance, limit, jerk = (np.array(values) for values in (
        [0.001, 0.1, 2.0], [15.0, 15.0, 15.0], [150.0, 300.0, 900.0]))
    speed = stoppable_speed(distance, limit, jerk)
    zero = np.zeros(3)
    np.testing.assert_allclose(
        stop_from(zero, speed, zero, limit, jerk).at(np.inf)[0], distance, rtol=1e-9)
