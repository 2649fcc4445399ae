# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What the joints of a robot may do: the limits that every command keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


class LimitsError(ValueError):
    """Limits that no motion can keep: not finite, not positive, or an empty range.

    Attributes
    ----------
    joints : tuple of str
        The joints at fault.
    """

    def __init__(self, message: str, joints: Sequence[str]) -> None:
        super().__init__(message)
        self.joints = tuple(joints)


@dataclass(frozen=True)
class JointLimits:
    """Limits of n joints, one entry per joint in the order of `names`.

    Attributes
    ----------
    names : tuple of str
    lower, upper : ndarray (n,)
        Range of the position [rad].
    velocity, acceleration, jerk : ndarray (n,)
        Largest magnitudes [rad/s], [rad/s^2], [rad/s^3]; positive and finite.

    Raises
    ------
    LimitsError
        If a limit is missing, not finite, not positive, or `lower` is not below `upper`.
    """

    names: tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    jerk: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        if len(set(self.names)) != len(self.names):
            twice = sorted({name for name in self.names if self.names.count(name) > 1})
            raise LimitsError(f"joints named twice: {', '.join(twice)}", twice)
        for field in ("lower", "upper", "velocity", "acceleration", "jerk"):
            values = np.array(getattr(self, field), float)
            if values.shape != (len(self.names),):
                raise LimitsError(
                    f"{field} has shape {values.shape}; there are {len(self.names)} joints",
                    self.names)
            positive = field in ("velocity", "acceleration", "jerk")
            self._refuse(~np.isfinite(values) | (positive & ~(values > 0.0)), field, values,
                         "positive and finite" if positive else "finite")
            object.__setattr__(self, field, values)
        self._refuse(~(self.lower < self.upper), "lower", self.lower, "below the upper limit")

    def _refuse(self, wrong: np.ndarray, field: str, values: np.ndarray, right: str) -> None:
        if wrong.any():
            which = [self.names[index] for index in np.flatnonzero(wrong)]
            shown = ", ".join(f"{name} {values[self.names.index(name)]:g}" for name in which)
            raise LimitsError(f"the {field} limit must be {right}: {shown}", which)

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def from_model(cls, model: Any) -> JointLimits:
        """Return the limits of a `mirror_robot.body.model.RobotModel`."""
        return cls(tuple(model.joint_names), model.lower, model.upper, model.velocity,
                   model.acceleration, model.jerk)
