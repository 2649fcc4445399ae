# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Movement primitives: learning, performing, storing."""

from __future__ import annotations

import numpy as np
import pytest

from mirror_robot.motor.primitive import (
    MotorPrimitive,
    MotorStyle,
    learn_primitive,
    learn_style,
    load_primitives,
    save_primitives,
)

JOINTS = ("shoulder", "elbow", "neck")


def demonstration(length: float, size: float, frames: int = 40):
    times = np.linspace(0.0, length, frames)
    phase = times / length
    bell = np.sin(np.pi * phase) ** 2
    return times, np.stack([size * bell, -0.5 * size * bell, np.full(frames, np.nan)], axis=1)


@pytest.fixture
def primitive() -> MotorPrimitive:
    style = learn_style([demonstration(1.6, 0.9), demonstration(2.0, 1.0),
                         demonstration(2.5, 1.1)])
    return MotorPrimitive("lift", JOINTS, (style,))


def test_demonstrations_of_other_speed_give_their_mean_and_spread(primitive):
    style = primitive.styles[0]
    assert style.duration == pytest.approx(2.0, abs=0.05)
    middle = style.positions(np.array([0.5]))[0]
    assert middle[0] == pytest.approx(1.0, abs=0.05)
    assert style.spread[len(style.mean) // 2, 0] == pytest.approx(0.1, abs=0.02)


def test_a_joint_that_nobody_showed_is_free(primitive):
    assert np.isnan(primitive.styles[0].mean[:, 2]).all()
    assert (primitive.weights[2] == 0).all()
    assert "neck" not in primitive.perform().joint_names


def test_gaps_in_a_demonstration_are_bridged():
    times, positions = demonstration(2.0, 1.0)
    whole = learn_style([(times, positions)]).mean[:, 0]
    positions = positions.copy()
    positions[15:19] = np.nan
    assert np.abs(learn_style([(times, positions)]).mean[:, 0] - whole).max() < 0.05


def test_a_movement_starts_at_the_present_posture_without_a_jump(primitive):
    start = np.array([0.6, -0.8, 0.0])
    trajectory = primitive.perform(start)
    np.testing.assert_allclose(trajectory.positions[0], start[:2], atol=1e-9)
    assert np.abs(np.diff(trajectory.positions, axis=0)).max() < 0.06
    assert (trajectory.velocities[[0, -1]] == 0).all()
    np.testing.assert_allclose(trajectory.positions[-1], 0.0, atol=0.02)


def test_speed_and_size_scale_a_movement(primitive):
    plain, other = primitive.perform(), primitive.perform(speed=2.0, size=0.5)
    assert other.times[-1] == pytest.approx(plain.times[-1] / 2)
    assert np.ptp(other.positions[:, 0]) == pytest.approx(0.5 * np.ptp(plain.positions[:, 0]),
                                                          rel=0.02)
    with pytest.raises(ValueError, match="speed"):
        primitive.perform(speed=0.0)


def test_the_section_that_repeats_may_be_made_any_number_of_times():
    phases = np.linspace(0, 1, 25)
    sway = np.where((phases > 0.25) & (phases < 0.75), np.sin(4 * np.pi * (phases - 0.25)), 0.0)
    style = MotorStyle("sway", sway[:, None], np.zeros((0, 25, 1)), 2.0, repeat=(0.25, 0.75))
    unit = MotorPrimitive("sway", ("neck",), (style,))
    one, five = unit.perform(repetitions=1), unit.perform(repetitions=5)
    assert five.times[-1] - one.times[-1] == pytest.approx(4.0)

    def peaks(trajectory):
        p = trajectory.positions[:, 0]
        return int(((p[1:-1] > 0.8) & (p[1:-1] > p[:-2]) & (p[1:-1] >= p[2:])).sum())

    assert (peaks(one), peaks(five)) == (1, 5)


def test_demonstrations_by_different_solutions_of_the_arm_are_not_averaged():
    times, positions = demonstration(2.0, 1.0)
    other = positions.copy()
    other[:, 0] += 2.5
    style = learn_style([(times, positions), (times, positions + 0.01), (times, other)])
    assert np.nanmax(np.abs(style.mean[:, 0])) < 1.1


@pytest.mark.parametrize("bad", [
    [], [(np.array([0.0]), np.zeros((1, 3)))], [(np.array([1.0, 0.5]), np.zeros((2, 3)))]])
def test_demonstrations_that_cannot_be_used_are_refused(bad):
    with pytest.raises(ValueError, match="demonstration"):
        learn_style(bad)


def test_units_survive_being_stored(tmp_path, primitive):
    shown = learn_primitive("nudge", JOINTS, [demonstration(1.0, 0.3), demonstration(1.2, 0.4)])
    path = tmp_path / "units.npz"
    save_primitives(path, JOINTS, [primitive, shown], "a note")
    units, note = load_primitives(path)
    assert note == "a note"
    assert [unit.name for unit in units] == ["lift", "nudge"]
    assert len(units[1].styles) == 2
    np.testing.assert_array_equal(units[0].styles[0].mean, primitive.styles[0].mean)
    np.testing.assert_array_equal(units[0].perform().positions, primitive.perform().positions)
    assert [p.name for p in tmp_path.iterdir()] == ["units.npz"]


def test_a_damaged_file_is_refused_with_the_reason(tmp_path, primitive):
    path = tmp_path / "units.npz"
    save_primitives(path, JOINTS, [primitive])
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"units\.npz is not a usable"):
        load_primitives(path)


def test_an_unknown_style_is_answered_with_those_there_are(primitive):
    with pytest.raises(KeyError, match="learnt"):
        primitive.perform(style="fancy")
