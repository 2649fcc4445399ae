# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Stands in for hri_msgs.msg and tf2_msgs.msg, with the fields and checks of the real classes."""

from __future__ import annotations

from types import SimpleNamespace

from std_msgs.msg import Header


def _message(name: str, constants: dict[str, object] | None = None, **fields: object) -> type:
    """Return a message class that refuses unknown fields and wrong types, as ROS ones do."""

    def __init__(self, **given):
        for key, default in fields.items():
            object.__setattr__(self, key, default() if callable(default) else default)
        for key, value in given.items():
            setattr(self, key, value)

    def __setattr__(self, key, value):
        if key not in fields:
            raise AttributeError(f"{name} has no field {key}")
        now = getattr(self, key)
        kind = type(now)
        if kind is float:
            assert isinstance(value, float), (name, key, value)
        elif kind is int:
            assert isinstance(value, int) and not isinstance(value, bool), (name, key, value)
        else:
            assert isinstance(value, kind), (name, key, value)
        if kind is list and now:
            assert len(value) == len(now), (name, key, len(value))
        object.__setattr__(self, key, value)

    return type(name, (), {"__init__": __init__, "__setattr__": __setattr__, **(constants or {})})


_POINT = _message("NormalizedPointOfInterest2D", x=0.0, y=0.0, c=0.0)

HRI = SimpleNamespace(
    IdsList=_message("IdsList", header=Header, ids=list),
    IdsMatch=_message(
        "IdsMatch", {"UNSET": 0, "PERSON": 1, "FACE": 2, "BODY": 3, "VOICE": 4},
        id1="", id1_type=0, id2="", id2_type=0, confidence=0.0),
    NormalizedPointOfInterest2D=_POINT,
    NormalizedRegionOfInterest2D=_message(
        "NormalizedRegionOfInterest2D", header=Header, xmin=0.0, ymin=0.0, xmax=0.0, ymax=0.0,
        c=0.0),
    Skeleton2D=_message("Skeleton2D", {name: index for index, name in enumerate((
        "NOSE", "NECK", "RIGHT_SHOULDER", "RIGHT_ELBOW", "RIGHT_WRIST", "LEFT_SHOULDER",
        "LEFT_ELBOW", "LEFT_WRIST", "RIGHT_HIP", "RIGHT_KNEE", "RIGHT_ANKLE", "LEFT_HIP",
        "LEFT_KNEE", "LEFT_ANKLE", "LEFT_EYE", "RIGHT_EYE", "LEFT_EAR", "RIGHT_EAR"))},
        header=Header, skeleton=lambda: [_POINT() for _ in range(18)]),
    FacialLandmarks=_message(
        "FacialLandmarks", header=Header, landmarks=lambda: [_POINT() for _ in range(70)],
        height=0, width=0),
    FacialActionUnits=_message(
        "FacialActionUnits", header=Header, intensity=lambda: [0.0] * 99,
        confidence=lambda: [0.0] * 99),
    Expression=_message("Expression", {
        name.upper(): name for name in ("neutral", "happy", "sad", "angry", "surprised",
                                        "disgusted", "scared")},
        header=Header, expression="", valence=0.0, arousal=0.0, confidence=0.0),
    Gesture=_message("Gesture", {
        "HANDS_ON_FACE": 1, "ARMS_CROSSED": 2, "LEFT_HAND_RAISED": 3, "RIGHT_HAND_RAISED": 4,
        "BOTH_HANDS_RAISED": 5, "WAVING": 6, "OTHER": 0}, header=Header, gesture=0),
    Gaze=_message("Gaze", header=Header, sender="", receiver=""),
    EngagementLevel=_message("EngagementLevel", {
        "UNKNOWN": 0, "DISENGAGED": 1, "ENGAGING": 2, "ENGAGED": 3, "DISENGAGING": 4},
        header=Header, level=0),
)

TF2 = SimpleNamespace(TFMessage=_message("TFMessage", transforms=list))


class Recorder:
    """Stands in for a node: keeps what is published, by topic."""

    def __init__(self):
        self.said: dict[str, list] = {}
        self.open: set[str] = set()
        self.qos: dict[str, object] = {}

    def create_publisher(self, kind, name, qos):
        """Return what records instead of publishing."""
        self.open.add(name)
        self.qos[name] = qos
        said = self.said.setdefault(name, [])

        def publish(message):
            assert isinstance(message, kind), (name, message)
            said.append(message)

        return SimpleNamespace(publish=publish, name=name, get_subscription_count=lambda: 1)

    def destroy_publisher(self, publisher):
        """Note that the topic is gone."""
        self.open.discard(publisher.name)
