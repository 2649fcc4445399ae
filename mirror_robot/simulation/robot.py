# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A robot in physics that behaves as a ros2_control robot does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import mujoco
import numpy as np

from mirror_robot.simulation.model import SimulationError, rest_positions, touching_links
from mirror_robot.simulation.trajectory import Trajectory, TrajectoryController

_CONTROL_STEPS = 2
"""Physics steps between two samples of the trajectories: 250 Hz, as ros2_control runs."""


@dataclass(frozen=True)
class RobotState:
    """What the sensors of the robot say.

    Attributes
    ----------
    time : float
        Since the start of the simulation [s].
    joint_names : tuple of n str
    position, velocity, effort : ndarray (n,)
        [rad, rad/s, N m] (or m, m/s, N); effort is that of the drive, gravity compensation
        included.
    """

    time: float
    joint_names: tuple[str, ...]
    position: np.ndarray
    velocity: np.ndarray
    effort: np.ndarray


class SimulatedRobot:
    """Steps a model made by `build_model`, driven through joint trajectory controllers.

    A drive never moves its target faster than the joint's velocity limit nor beyond its position
    limits, as a servo drive does not either. Joints of no controller hold the rest pose.

    Parameters
    ----------
    model : mujoco.MjModel
    controllers : mapping controller -> joint names
    velocity_limits : mapping joint -> limit [rad/s or m/s], optional
        MuJoCo's model does not keep the URDF's; joints not named have none.
    rest : mapping joint -> position [rad or m], optional
        The pose at start.
    allow_partial_joints_goal : bool
        Whether a trajectory may leave out joints of its controller.

    Attributes
    ----------
    contacts : Counter of (str, str)
        How often each pair of links of the robot began to touch since the start.

    Raises
    ------
    SimulationError
        If a controller names a joint that the model does not have; the valid ones are listed.
    """

    def __init__(
        self, model: mujoco.MjModel, controllers: Mapping[str, Sequence[str]], *,
        velocity_limits: Mapping[str, float] | None = None,
        rest: Mapping[str, float] | None = None, allow_partial_joints_goal: bool = False,
    ) -> None:
        self.model = model
        self.data = mujoco.MjData(model)
        joints = model.actuator_trnid[:, 0]
        self.joint_names = tuple(model.joint(row).name for row in joints)
        index = {name: i for i, name in enumerate(self.joint_names)}
        for controller, names in controllers.items():
            for name in names:
                if name not in index:
                    raise SimulationError(
                        f"controller {controller}: the robot has no joint {name!r}; valid: "
                        f"{', '.join(self.joint_names)}")
        self._q, self._v = model.jnt_qposadr[joints], model.jnt_dofadr[joints]
        limited = model.jnt_limited[joints].astype(bool)
        self._lower = np.where(limited, model.jnt_range[joints, 0], -np.inf)
        self._upper = np.where(limited, model.jnt_range[joints, 1], np.inf)
        limits = velocity_limits or {}
        self._speed = np.array([limits.get(name, np.inf) for name in self.joint_names])
        kp, kv = model.actuator_gainprm[:, 0], -model.actuator_biasprm[:, 2]
        # Fed forward as a shift of the target: kp * shift is the torque that both the drive's own
        # and the joint's damping take at the desired velocity, so that neither makes it lag.
        self._lead = (kv + model.dof_damping[self._v]) / kp
        self._rest = rest_positions(model, rest or {})
        self._controllers = {
            name: TrajectoryController(
                names, self._rest[self._q[[index[joint] for joint in names]]],
                allow_partial_joints_goal)
            for name, names in controllers.items()}
        self._rows = {name: np.array([index[joint] for joint in names], int)
                      for name, names in controllers.items()}
        self.contacts: Counter[tuple[str, str]] = Counter()
        self._touching: set[tuple[str, str]] = set()
        self.reset()

    def reset(self) -> None:
        """Put the robot at rest, at time 0, with no trajectory."""
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[:] = self._rest
        self._target = self.data.qpos[self._q].copy()
        self.data.ctrl[:] = self._target
        self._due = 0.0
        for name, controller in self._controllers.items():
            controller.hold(self._target[self._rows[name]])
        mujoco.mj_forward(self.model, self.data)

    @property
    def time(self) -> float:
        """Simulated time [s]."""
        return self.data.time

    @property
    def controllers(self) -> Mapping[str, tuple[str, ...]]:
        """The joints of every controller."""
        return {name: controller.joint_names for name, controller in self._controllers.items()}

    @property
    def state(self) -> RobotState:
        """The present state (copies)."""
        data = self.data
        return RobotState(
            time=data.time, joint_names=self.joint_names, position=data.qpos[self._q].copy(),
            velocity=data.qvel[self._v].copy(),
            effort=data.qfrc_actuator[self._v] + data.qfrc_gravcomp[self._v])

    def command(
        self, controller: str, trajectory: Trajectory, start: float | None = None,
    ) -> None:
        """Give a controller a new trajectory, which replaces the running one.

        Parameters
        ----------
        controller : str
        trajectory : Trajectory
        start : float, optional
            When the trajectory's time is 0, in simulated time [s]; now when not given.

        Raises
        ------
        TrajectoryError
            If the trajectory is refused; see `TrajectoryController.replace`.
        SimulationError
            If there is no such controller; the valid ones are listed.
        """
        if controller not in self._controllers:
            raise SimulationError(
                f"no controller {controller!r}; valid: {', '.join(self._controllers)}")
        self._controllers[controller].replace(trajectory, self.data.time, start)

    def step(self, dt: float) -> None:
        """Let `dt` [s] pass; what is less than a control period is made up for next time.

        Raises
        ------
        SimulationError
            If the physics diverged; the robot is then at rest again.
        """
        period = _CONTROL_STEPS * self.model.opt.timestep
        self._due += dt
        while self._due >= period - 1e-9:
            self._due -= period
            self._control(period)
            mujoco.mj_step(self.model, self.data, nstep=_CONTROL_STEPS)
            if self.data.ncon or self._touching:
                self._count_contacts()
        if not (np.isfinite(self.data.qpos).all() and np.isfinite(self.data.qvel).all()):
            self.reset()
            raise SimulationError("the physics diverged; the robot was put at rest")

    def self_contacts(self) -> list[tuple[str, str]]:
        """Return the pairs of links of the robot that touch now."""
        return [pair for pair in touching_links(self.model, self.data) if "world" not in pair]

    def _control(self, period: float) -> None:
        desired, speed = self._target.copy(), np.zeros_like(self._target)
        for name, controller in self._controllers.items():
            rows = self._rows[name]
            desired[rows], speed[rows] = controller.sample(self.data.time + period)
        desired = np.clip(desired, self._lower, self._upper)
        reach = self._speed * period
        step = np.clip(desired - self._target, -reach, reach)
        self._target += step
        saturated = self._target != desired
        speed = np.where(saturated, step / period, speed)
        self.data.ctrl[:] = self._target + self._lead * np.clip(speed, -self._speed, self._speed)

    def _count_contacts(self) -> None:
        touching = set(self.self_contacts())
        self.contacts.update(touching - self._touching)
        self._touching = touching
