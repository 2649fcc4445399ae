# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Parameters of controller_manager and its controllers, from a robot profile."""

from __future__ import annotations

from typing import Any

from mirror_robot.body.profile import GRIPPER_INTERFACES, RobotProfile

STATE_BROADCASTER = "joint_state_broadcaster"
_TYPES = {
    "trajectory": "joint_trajectory_controller/JointTrajectoryController",
    "position": "forward_command_controller/ForwardCommandController",
    "velocity": "forward_command_controller/ForwardCommandController",
    "gripper": "position_controllers/GripperActionController",
    "parallel_gripper": "parallel_gripper_action_controller/GripperActionController"}
"""By `RobotProfile.interfaces`; the type for GripperCommand is that of Jazzy, and gone later."""


def spawner_arguments(profile: RobotProfile, namespace: str, parameters: str) -> list[str]:
    """Return the arguments of controller_manager's spawner for all controllers of a profile.

    Parameters
    ----------
    profile : RobotProfile
    namespace : str
        Of the controller manager, and of the spawner itself.
    parameters : str
        Path of the parameter file.
    """
    # From the root: the spawner is in the namespace itself, and would put it before the name.
    manager = "/" + "/".join(filter(None, [namespace.strip("/"), "controller_manager"]))
    return [STATE_BROADCASTER, *profile.controllers, "--controller-manager", manager,
            "--param-file", parameters]


def controller_parameters(profile: RobotProfile, update_rate: int = 100) -> dict[str, Any]:
    """Return the content of the parameter file that makes the profile's controllers.

    Parameters
    ----------
    profile : RobotProfile
    update_rate : int
        Of the controller manager [Hz].

    Raises
    ------
    ValueError
        If the profile names no controllers.
    """
    if not profile.controllers:
        raise ValueError(f"{profile.path}: the profile names no controllers; add them under "
                         "controllers: {<joint_trajectory_controller>: [joints]}")
    manager: dict[str, Any] = {
        "update_rate": update_rate,
        STATE_BROADCASTER: {"type": "joint_state_broadcaster/JointStateBroadcaster"},
        **{name: {"type": _TYPES[profile.interfaces.get(name, "trajectory")]}
           for name in profile.controllers}}
    parameters: dict[str, Any] = {"/**/controller_manager": {"ros__parameters": manager}}
    for name, joints in profile.controllers.items():
        interface = profile.interfaces.get(name, "trajectory")
        if interface != "trajectory":
            # A gripper that holds a thing has got what it wanted.
            parameters[f"/**/{name}"] = {"ros__parameters": (
                {"joint": joints[0], "allow_stalling": True} if interface in GRIPPER_INTERFACES
                else {"joints": list(joints), "interface_name": interface})}
            continue
        parameters[f"/**/{name}"] = {"ros__parameters": {
            "joints": list(joints),
            "command_interfaces": ["position"],
            "state_interfaces": ["position", "velocity"],
            # A joint about which nothing is known is left out of the command.
            "allow_partial_joints_goal": True,
            # Commands are streamed one point at a time and move on through it.
            "allow_nonzero_velocity_at_trajectory_end": True,
            # Each goes on from the last, not from where a robot that trails it was measured: that
            # would pull the command back fifty times a second.
            "interpolate_from_desired_state": True,
        }}
    return parameters
