# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""How well a unit that was just learnt is told apart from those that the robot knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mirror_robot.body.model import RobotModel
from mirror_robot.mirror.features import MotorFeatures
from mirror_robot.mirror.recognition import Recognizer
from mirror_robot.motor.primitive import MotorPrimitive
from mirror_robot.motor.shown import MIRRORED

_RATE = 30.0
_BEFORE = 0.5


def confusions(unit: MotorPrimitive, others: Sequence[MotorPrimitive], model: RobotModel,
               ) -> Mapping[str, float]:
    """Return what fires while a unit is made: name -> share of its time, 0..1.

    Every demonstration is replayed to the recogniser, with that demonstration left out of the unit
    when there are several, so that it is not told by comparing it with itself.

    Parameters
    ----------
    unit : MotorPrimitive
    others : sequence of MotorPrimitive
        Units of the same name are left out.
    model : RobotModel
    """
    features = MotorFeatures(model)
    rivals = [other for other in others
              if other.channel == unit.channel and other.name != unit.name]
    shares: dict[str, list[float]] = {}
    shown = [style for style in unit.styles if not style.name.startswith(MIRRORED)]
    for style in shown:
        rest = tuple(s for s in unit.styles if s is not style) if len(shown) > 1 else unit.styles
        recognizer = Recognizer([*rivals, replace(unit, styles=rest)], features)
        times = np.arange(0.0, style.duration, 1.0 / _RATE)
        course = style.positions(times / style.duration)
        course = np.where(np.isfinite(course), course, model.rest)
        still = np.repeat(course[:1], int(_BEFORE * _RATE), axis=0)
        labels = [recognizer.update(n / _RATE, q).best(unit.channel)
                  for n, q in enumerate(np.concatenate([still, course]))][len(still):]
        for label in set(labels):
            shares.setdefault(label, []).append(labels.count(label) / len(labels))
    return {name: sum(share) / len(shown) for name, share in
            sorted(shares.items(), key=lambda item: -sum(item[1]))}
