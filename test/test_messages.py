# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Between the package's data and ROS messages nothing is lost and nothing is invented."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from geometry_msgs.msg import Quaternion
from hri_stub import HRI
from sensor_msgs.msg import JointState

from mirror_robot.human.observation import BodyObservation
from mirror_robot.mirror.affect import EMOTIONS, Affect
from mirror_robot.nodes.messages import (
    EXPRESSION_OF,
    body_to_cloud,
    cloud_to_body,
    expression_message,
    joint_state,
    named_values,
    to_rotation,
    to_seconds,
    to_time,
)


def _body() -> BodyObservation:
    points = np.random.default_rng(0).normal(size=(33, 3))
    points[[3, 15]] = np.nan
    return BodyObservation(12.25, "anna", points, np.isfinite(points[:, 0]) * 0.75)


def test_a_body_survives_the_way_over_a_topic():
    body = _body()
    again = cloud_to_body(body_to_cloud(body))
    assert (again.stamp, again.id) == (12.25, "anna")
    np.testing.assert_allclose(again.landmarks, body.landmarks, rtol=1e-6)
    np.testing.assert_allclose(again.visibility, body.visibility)


def test_a_cloud_from_a_machine_of_the_other_byte_order_is_read():
    cloud = body_to_cloud(_body())
    cloud.data = np.frombuffer(bytes(cloud.data), "<f4").astype(">f4").tobytes()
    cloud.is_bigendian = True
    np.testing.assert_allclose(cloud_to_body(cloud).landmarks, _body().landmarks, rtol=1e-6)


def test_infinite_landmarks_count_as_unknown():
    cloud = body_to_cloud(_body())
    data = np.frombuffer(bytes(cloud.data), "<f4").copy()
    data[4 * 11] = np.inf
    cloud.data = data.tobytes()
    body = cloud_to_body(cloud)
    assert np.isnan(body.landmarks[11]).all() and body.visibility[11] == 0


@pytest.mark.parametrize(("change", "says"), [
    (lambda cloud: setattr(cloud, "width", 32), "32 points"),
    (lambda cloud: setattr(cloud, "fields", cloud.fields[:3]), "lacks visibility"),
    (lambda cloud: setattr(cloud, "data", cloud.data[:100]), "33 points"),
])
def test_a_cloud_that_is_no_body_is_refused(change, says):
    cloud = body_to_cloud(_body())
    change(cloud)
    with pytest.raises(ValueError, match=says):
        cloud_to_body(cloud)


def test_unknown_joints_are_left_out_of_a_joint_state():
    message = joint_state(1.0, "base", ["a", "b", "c"], [0.5, np.nan, -1.0], [1.0, 2.0, np.nan])
    assert message.name == ["a", "c"]
    assert list(message.position) == [0.5, -1.0]
    assert list(message.velocity) == [1.0, 0.0]


def test_names_without_values_are_refused():
    with pytest.raises(ValueError, match="2 names and 1 positions"):
        named_values(JointState(name=["a", "b"], position=[1.0]))


def test_times_survive_to_the_microsecond():
    assert to_seconds(to_time(1_790_000_000.123456)) == pytest.approx(
        1_790_000_000.123456, abs=1e-6)


def test_a_quaternion_of_any_length_is_a_rotation_and_zero_is_none():
    rotation = to_rotation(Quaternion(z=2.0, w=2.0))
    np.testing.assert_allclose(rotation, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-12)
    with pytest.raises(ValueError, match="no rotation"):
        to_rotation(Quaternion(w=0.0))


def test_a_felt_state_becomes_an_expression_by_the_names_of_hri_msgs():
    felt = Affect(3.5, -0.4, 0.2, -0.1, 0.8, {
        "neutral": 0.2, "weeping": 0.35, "sadness": 0.3, "joy": 0.15})
    message = expression_message(HRI, "body_anna", felt)
    assert message.expression == HRI.Expression.SAD
    assert (message.valence, message.arousal) == (-0.4, 0.2)
    assert message.confidence == pytest.approx(0.65 * 0.8)
    assert to_seconds(message.header.stamp) == 3.5 and message.header.frame_id == "body_anna"
    unclear = dict.fromkeys(EMOTIONS, 1 / len(EMOTIONS))
    assert expression_message(HRI, "", replace(felt, emotions=unclear)).expression == ""
    assert expression_message(HRI, "", replace(felt, emotions={})).expression == ""


def test_every_felt_emotion_has_a_name_that_hri_msgs_knows():
    known = {value for key, value in vars(HRI.Expression).items() if key.isupper()}
    assert set(EXPRESSION_OF) == set(EMOTIONS) and set(EXPRESSION_OF.values()) <= known
