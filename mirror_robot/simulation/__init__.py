# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A physics robot that offers what a ros2_control robot offers."""

from mirror_robot.simulation.model import SimulationError, build_model
from mirror_robot.simulation.rendering import Renderer
from mirror_robot.simulation.robot import RobotState, SimulatedRobot
from mirror_robot.simulation.trajectory import Trajectory, TrajectoryController, TrajectoryError

__all__ = [
    "Renderer", "RobotState", "SimulatedRobot", "SimulationError", "Trajectory",
    "TrajectoryController", "TrajectoryError", "build_model",
]
