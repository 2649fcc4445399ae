# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The nodes of the mirror loop and the options that a user sets for all of them together.

Launch files and the console both read this table, so that they start the same thing. It imports no
node and no rclpy: a launch file must be readable without starting ROS.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mirror_robot.resources import PACKAGE

TRUE, FALSE = "true", "false"


@dataclass(frozen=True)
class Option:
    """One thing that a user chooses for the whole loop.

    Attributes
    ----------
    name : str
        As a launch argument, ``name:=value``; on the console ``--name``, with dashes.
    default : str
        As text; ``true`` or ``false`` makes it a switch.
    description : str
    choices : tuple of str
        The only values it may have; empty where anything goes.
    """

    name: str
    default: str
    description: str
    choices: tuple[str, ...] = ()

    @property
    def switch(self) -> bool:
        """Whether it is either true or false."""
        return self.default in (TRUE, FALSE)

    def read(self, text: str) -> Any:
        """Return the value that `text` stands for: a bool of a switch, else a str.

        Raises
        ------
        ValueError
            If it cannot have that value; the message lists those it can.
        """
        choices = (TRUE, FALSE) if self.switch else self.choices
        given = text.lower() if self.switch else text
        if choices and given not in choices:
            raise ValueError(f"{self.name}: {text!r} is not one of {', '.join(choices)}")
        return given == TRUE if self.switch else given


SOURCE = Option(
    "source", "0",
    "where images come from: a camera number or device, a video file, a folder of images, "
    "a stream URL, sample:<name>, or a ROS topic, such as topic:/camera/image_raw")
ROBOT = Option("robot", "kagami", "a built-in robot's name or the path of a robot profile (YAML)")
MIMIC = Option(
    "mimic", FALSE,
    "act out what is seen from the start; otherwise the robot stays disarmed until the service "
    "actuation_node/enable is called")
MIRROR_IMAGE = Option(
    "mirror_image", TRUE,
    "move like a reflection (the person's right hand moves the robot's left), "
    "otherwise like a twin")
MODE = Option(
    "mode", "mimic",
    "what the robot does about what it sees: 'mimic' copies it, 'respond' answers it, by "
    "config/responses.yaml", ("mimic", "respond"))
REMEMBER = Option(
    "remember", FALSE, "keep what was seen and felt, without images, in a file on this machine")
SIM = Option(
    "sim", "mujoco",
    "the robot: 'mujoco' simulates it, 'none' leaves it to a robot that is already there",
    ("mujoco", "none"))
HUMAN_SOURCE = Option(
    "human_source", "camera",
    "who sees people: 'camera' starts this package's perception, 'rep155' takes what any other "
    "REP-155 perception tells below /humans, 'elsewhere' waits for the human/ topics of a "
    "perception_node on another machine", ("camera", "rep155", "elsewhere"))
VIEWER = Option(
    "viewer", TRUE, "serve the live page: what the robot sees, feels and does, in a browser")
VIEWER_HOST = Option(
    "viewer_host", "localhost",
    "address of the live page: 'localhost' for this machine only, '0.0.0.0' for the network, "
    "which then needs the token in the address that is printed")
OFFER = Option(
    "offer", "", "taught movements that other robots may have, such as 'victory,bow'; '*' for all")
ADOPT = Option(
    "adopt", "", "movements to take from other robots that offer them; '*' for all")
USE_SIM_TIME = Option("use_sim_time", FALSE, "take the time from /clock (bags, Gazebo)")
PARAMS_FILE = Option(
    "params_file", "",
    "YAML file of further node parameters; they win over the options here")
NAMESPACE = Option("namespace", "", "namespace of all nodes and topics, such as 'robot1'")

OPTIONS = (SOURCE, ROBOT, MIMIC, MIRROR_IMAGE, MODE, REMEMBER, SIM, HUMAN_SOURCE, VIEWER,
           VIEWER_HOST, OFFER, ADOPT, USE_SIM_TIME, PARAMS_FILE, NAMESPACE)
"""All options of the loop."""

RVIZ = Option("rviz", FALSE, "show robot, person and goal in RViz")
MOCK = Option(
    "mock", FALSE, "try it without hardware: ros2_control's mock components move instead")
CONTROL = Option(
    "ros2_control", TRUE,
    "start controller_manager, the profile's controllers and robot_state_publisher; false where "
    "the robot's own bringup has done so")


@dataclass(frozen=True)
class NodeEntry:
    """One node of the loop.

    Attributes
    ----------
    name : str
        Of the node, of its executable, and of its module in `mirror_robot.nodes`.
    parameters : mapping parameter of the node -> Option that sets it
    only_when : callable
        Whether the node is started, by the option values as `read_options` returns them.
    essential : bool
        Whether the loop ends when the node does.
    """

    name: str
    parameters: Mapping[str, Option]
    only_when: Callable[[Mapping[str, Any]], bool] = lambda values: True
    essential: bool = True


PERCEPTION = NodeEntry(
    "perception_node", {"source": SOURCE},
    only_when=lambda values: values[HUMAN_SOURCE.name] == "camera")
REP155 = NodeEntry(
    "rep155_node", {}, only_when=lambda values: values[HUMAN_SOURCE.name] == "rep155")
MIRROR = NodeEntry("mirror_node", {
    "robot": ROBOT, "mirror_image": MIRROR_IMAGE, "mode": MODE, "remember": REMEMBER})
ACTUATION = NodeEntry("actuation_node", {"robot": ROBOT, "enabled_at_start": MIMIC})
SIMULATION = NodeEntry(
    "simulation_node", {"robot": ROBOT}, only_when=lambda values: values[SIM.name] == "mujoco")
VIEWER_NODE = NodeEntry(
    "viewer_node", {"robot": ROBOT, "host": VIEWER_HOST},
    only_when=lambda values: values[VIEWER.name], essential=False)
SHARING = NodeEntry(
    "sharing_node", {"offer": OFFER, "adopt": ADOPT},
    only_when=lambda values: values[OFFER.name] or values[ADOPT.name], essential=False)

NODES = (SIMULATION, PERCEPTION, REP155, MIRROR, ACTUATION, VIEWER_NODE, SHARING)
"""The loop, in the order of start: the robot must be there before something moves it."""


@dataclass(frozen=True)
class NodeStart:
    """One node with the values it is started with.

    Attributes
    ----------
    name : str
    parameters : mapping str -> bool, int, float or str
    namespace, params_file : str
        Empty for none.
    essential : bool
        Whether the loop ends when the node does.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    namespace: str = ""
    params_file: str = ""
    essential: bool = True

    def command(self, ros_arguments: Sequence[str] = ()) -> list[str]:
        """Return the command line that runs the node with this interpreter.

        Parameters
        ----------
        ros_arguments : sequence of str
            Further ROS arguments, such as ``["-r", "image:=/camera/image_raw"]``; they win.
        """
        command = [sys.executable, "-m", f"{PACKAGE}.nodes.{self.name}", "--ros-args"]
        if self.namespace:
            command += ["-r", f"__ns:=/{self.namespace.strip('/')}"]
        for name, value in self.parameters.items():
            # As JSON, so that a source of "0" stays text and does not become a number.
            command += ["-p", f"{name}:={json.dumps(value)}"]
        if self.params_file:
            command += ["--params-file", self.params_file]
        return [*command, *ros_arguments]


def read_options(given: Mapping[str, str], options: Sequence[Option] = OPTIONS) -> dict[str, Any]:
    """Return the value of every option, from texts by name; what is not given has its default.

    Raises
    ------
    ValueError
        If a name is unknown or a value is not one that the option can have.
    """
    names = [option.name for option in options]
    for name in given:
        if name not in names:
            raise ValueError(f"there is no option {name!r}; valid: {', '.join(names)}")
    return {option.name: option.read(given.get(option.name, option.default))
            for option in options}


def nodes_to_start(
    values: Mapping[str, Any], nodes: Sequence[NodeEntry] = NODES,
) -> list[NodeStart]:
    """Return the nodes to start for option values as `read_options` returns them."""
    starts = []
    for node in nodes:
        if not node.only_when(values):
            continue
        parameters = {name: values[option.name] for name, option in node.parameters.items()}
        if values.get(USE_SIM_TIME.name):
            parameters["use_sim_time"] = True
        starts.append(NodeStart(
            node.name, parameters, values.get(NAMESPACE.name, ""),
            values.get(PARAMS_FILE.name, ""), node.essential))
    return starts
