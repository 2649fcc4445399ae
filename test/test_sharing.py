# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Movements given from robot to robot, with consent on both sides."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor

from mirror_robot.mirror.sharing import SharingError, unit_from_text, unit_to_text
from mirror_robot.motor.shown import Demonstration, Shown, load_shown, save_shown
from mirror_robot.nodes.sharing_node import SharingNode


def _unit(name: str = "victory") -> Shown:
    times = np.arange(20) * 0.04
    limbs = np.tile([0.0, 0.0, -1.0], (20, 6, 1))
    angle = np.linspace(0, 1.5, 20)
    limbs[:, 0] = np.stack([np.sin(angle), 0 * angle, -np.cos(angle)], axis=1)
    limbs[:, 5] = np.nan
    eye = np.tile(np.eye(3), (20, 1, 1))
    return Shown(name, (Demonstration(times, limbs, eye, eye * np.nan, 2.5),), "wins")


def test_a_movement_comes_back_from_text_as_it_was():
    back, unit = unit_from_text(unit_to_text(_unit())), _unit()
    assert (back.name, back.meaning) == ("victory", "wins")
    for field in ("times", "limbs", "torso", "head", "weight"):
        np.testing.assert_allclose(getattr(back.demonstrations[0], field),
                                   getattr(unit.demonstrations[0], field), atol=1e-4)


@pytest.mark.parametrize("change", [
    lambda d: d.update(format=2), lambda d: d.update(name="../../x"),
    lambda d: d["demonstrations"].clear(), lambda d: d.pop("name"),
    lambda d: d["demonstrations"][0]["limbs"].pop(),
    lambda d: d["demonstrations"][0]["limbs"].__setitem__(0, 50.0),
    lambda d: d["demonstrations"][0]["times"].__setitem__(3, None),
    lambda d: d["demonstrations"][0]["times"].__setitem__(3, "soon"),
    lambda d: d["demonstrations"][0].update(weight=1e9),
    lambda d: d["demonstrations"][0].update(weight=float("nan")),
    lambda d: d.update(demonstrations=7),
])
def test_what_is_no_movement_is_refused(change):
    data = json.loads(unit_to_text(_unit()))
    change(data)
    with pytest.raises(SharingError):
        unit_from_text(json.dumps(data))


def test_text_that_is_no_json_or_too_long_is_refused():
    for text in ("", "{", "[1]", "x" * 3_000_000):
        with pytest.raises(SharingError):
            unit_from_text(text)


def _share(tmp_path, offer: str, adopt: str, seconds: float) -> list[str]:
    """Return what robot b knows after two robots have met."""
    save_shown(tmp_path / "a.npz", [_unit("victory"), _unit("secret")])
    rclpy.init()
    nodes = [SharingNode(namespace=name, parameter_overrides=[
        rclpy.Parameter("name", value=name), rclpy.Parameter("period", value=0.1),
        rclpy.Parameter("file", value=str(tmp_path / f"{name}.npz")),
        rclpy.Parameter(key, value=value)])
        for name, key, value in (("a", "offer", offer), ("b", "adopt", adopt))]
    executor = SingleThreadedExecutor()
    for node in nodes:
        executor.add_node(node)
    file, end = tmp_path / "b.npz", time.monotonic() + seconds
    while time.monotonic() < end and not file.is_file():
        executor.spin_once(timeout_sec=0.05)
    executor.shutdown()
    for node in nodes:
        node.destroy_node()
    rclpy.shutdown()
    return [unit.name for unit in load_shown(file)] if file.is_file() else []


def test_what_one_offers_and_the_other_adopts_is_given(tmp_path):
    assert _share(tmp_path, "victory, salute", "*", 15.0) == ["victory"]


@pytest.mark.parametrize(("offer", "adopt"), [
    ("", "*"), ("victory", ""), ("victory", "secret"), ("vic", "*")])
def test_without_the_consent_of_both_nothing_is_given(tmp_path, offer, adopt):
    assert _share(tmp_path, offer, adopt, 1.5) == []
