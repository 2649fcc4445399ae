# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Between the package's own data and ROS messages; the only place that knows both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Quaternion
from sensor_msgs.msg import JointState, PointCloud2, PointField
from std_msgs.msg import Header

from mirror_robot.human.landmarks import POSE
from mirror_robot.human.observation import BodyObservation
from mirror_robot.mirror.affect import Affect

EXPRESSION_OF = {
    "neutral": "neutral", "joy": "happy", "weeping": "sad", "sadness": "sad", "anger": "angry",
    "fear": "scared", "disgust": "disgusted", "surprise": "surprised"}
"""What hri_msgs/Expression calls the emotions of `mirror.affect`."""

_CLEAR = 0.4  # probability from which an expression is named

_CLOUD_FIELDS = tuple(
    PointField(name=name, offset=4 * index, datatype=PointField.FLOAT32, count=1)
    for index, name in enumerate(("x", "y", "z", "visibility")))


def to_time(seconds: float) -> Time:
    """Return a ROS time of `seconds` since the epoch of the node's clock."""
    nanoseconds = round(seconds * 1e9)
    return Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def to_seconds(stamp: Time) -> float:
    """Return a ROS time in seconds."""
    return stamp.sec + stamp.nanosec * 1e-9


def body_to_cloud(body: BodyObservation) -> PointCloud2:
    """Return the landmarks as a cloud x y z visibility, one point per landmark of POSE."""
    data = np.column_stack([body.landmarks, body.visibility]).astype("<f4")
    return PointCloud2(
        header=Header(stamp=to_time(body.stamp), frame_id=f"body_{body.id}"),
        height=1, width=len(data), fields=list(_CLOUD_FIELDS), is_bigendian=False,
        point_step=16, row_step=16 * len(data), data=data.tobytes(),
        is_dense=bool(np.isfinite(data).all()))


def cloud_to_body(cloud: PointCloud2) -> BodyObservation:
    """Return the body that a cloud made by `body_to_cloud` holds.

    Raises
    ------
    ValueError
        If the cloud has not one point per landmark or lacks one of the four fields.
    """
    offsets = {field.name: field.offset for field in cloud.fields
               if field.datatype == PointField.FLOAT32}
    missing = [name for name in ("x", "y", "z", "visibility") if name not in offsets]
    count = cloud.width * cloud.height
    if missing or count != len(POSE) or len(cloud.data) < count * cloud.point_step:
        raise ValueError(
            f"a body cloud has {len(POSE)} points with float32 x y z visibility; this one has "
            f"{count} points" + (f" and lacks {', '.join(missing)}" if missing else ""))
    order = ">f4" if cloud.is_bigendian else "<f4"
    raw = np.frombuffer(bytes(cloud.data), np.uint8)[:count * cloud.point_step]
    raw = raw.reshape(count, cloud.point_step)
    values = np.column_stack([
        raw[:, offsets[name]:offsets[name] + 4].copy().view(order)[:, 0]
        for name in ("x", "y", "z", "visibility")]).astype(float)
    known = np.isfinite(values).all(axis=1)
    return BodyObservation(
        stamp=to_seconds(cloud.header.stamp), id=cloud.header.frame_id.removeprefix("body_"),
        landmarks=np.where(known[:, None], values[:, :3], np.nan),
        visibility=np.where(known, values[:, 3], 0.0))


def expression_message(hri: ModuleType, frame: str, affect: Affect) -> Any:
    """Return a felt state as hri_msgs/Expression; without a name where none is clear."""
    names = (EXPRESSION_OF[emotion] for emotion in affect.emotions)
    chances: dict[str, float] = {}
    for name, chance in zip(names, affect.emotions.values()):
        chances[name] = chances.get(name, 0.0) + chance
    name = max(chances, key=lambda one: chances[one], default="")
    clear = chances.get(name, 0.0)
    return hri.Expression(
        header=Header(stamp=to_time(affect.stamp), frame_id=frame),
        expression=name if clear >= _CLEAR else "", valence=float(affect.valence),
        arousal=float(affect.arousal), confidence=float(clear * affect.confidence))


def joint_state(
    stamp: float, frame: str, names: Sequence[str], position: Sequence[float] | np.ndarray,
    velocity: Sequence[float] | np.ndarray = (),
) -> JointState:
    """Return a JointState without the entries whose position is not finite."""
    position = np.asarray(position, float)
    keep = np.isfinite(position)
    message = JointState(header=Header(stamp=to_time(stamp), frame_id=frame))
    message.name = [name for name, kept in zip(names, keep) if kept]
    message.position = position[keep].tolist()
    if len(velocity):
        message.velocity = np.nan_to_num(np.asarray(velocity, float)[keep]).tolist()
    return message


def named_values(message: JointState) -> Mapping[str, float]:
    """Return position by name.

    Raises
    ------
    ValueError
        If names and positions differ in number.
    """
    if len(message.name) != len(message.position):
        raise ValueError(
            f"a JointState with {len(message.name)} names and {len(message.position)} positions")
    return dict(zip(message.name, message.position))


def to_rotation(quaternion: Quaternion) -> np.ndarray:
    """Return the rotation matrix (3, 3) of a quaternion of any length but 0.

    Raises
    ------
    ValueError
        If the quaternion is zero or not finite.
    """
    values = np.array([quaternion.x, quaternion.y, quaternion.z, quaternion.w])
    length = np.linalg.norm(values)
    if not (np.isfinite(length) and length > 1e-6):
        raise ValueError(f"{values.tolist()} is no rotation")
    x, y, z, w = values / length
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]])
