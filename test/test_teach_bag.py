# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A movement is learnt out of a bag of human/body."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_people import body
from rclpy.serialization import serialize_message
from sensor_msgs.msg import JointState
from test_lesson import RATE, swing

from mirror_robot.console.main import main
from mirror_robot.console.teach import postures_of
from mirror_robot.motor.shown import load_shown
from mirror_robot.nodes.messages import body_to_cloud

BEGIN = 1_700_000_000.0


def write_bag(path: Path, topic: str, messages: list[tuple[float, object]]) -> Path:
    """Write messages with the times of their arrival as a bag."""
    rosbag2 = pytest.importorskip("rosbags.rosbag2")
    from rosbags.typesys import Stores, get_typestore

    with rosbag2.Writer(path, version=9) as writer:
        module = type(messages[0][1]).__module__.partition(".msg")[0]
        connection = writer.add_connection(
            topic, f"{module}/msg/{type(messages[0][1]).__name__}",
            typestore=get_typestore(Stores.ROS2_JAZZY))
        for arrival, message in messages:
            writer.write(connection, round(arrival * 1e9), serialize_message(message))
    return path


def test_a_movement_is_learnt_out_of_a_bag(tmp_path, capsys):
    postures = swing(2)
    bag = write_bag(tmp_path / "shown", "/human/body", [
        (BEGIN + posture.stamp + 0.05, body_to_cloud(body(BEGIN + posture.stamp, posture)))
        for posture in postures])
    seen = postures_of(bag)
    assert np.diff([posture.stamp for posture in seen]) == pytest.approx(1.0 / RATE, abs=1e-6)
    kept = tmp_path / "taught.npz"
    assert main(["teach", "swing", "--source", str(bag), "--file", str(kept)]) == 0
    assert "learnt swing from 2 repetitions" in capsys.readouterr().out
    assert len(load_shown(kept)[0].demonstrations) == 2


def test_a_bag_without_a_body_says_what_is_missing(tmp_path):
    bag = write_bag(tmp_path / "face", "/human/face", [(BEGIN, JointState())])
    with pytest.raises(ValueError, match="holds no human/body"):
        postures_of(bag)
