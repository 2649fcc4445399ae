# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Starts perception, mirror, actuation and the simulated robot, each as a process, until Ctrl-C.

A node that ends takes the others with it; only the live page may end alone.
"""

from __future__ import annotations

import argparse
import sys
import time

from mirror_robot.bringup.graph import OPTIONS, Option, nodes_to_start
from mirror_robot.bringup.processes import Ended, Processes

EXAMPLES = """\
The same nodes with the same parameters as `ros2 launch mirror_robot mirror.launch.py`, without the
launch packages. What follows --ros-args goes to every node; name a node to mean only that one:
  mirror_robot run --source 2 --ros-args -p perception_node:max_rate:=15.0 -r image:=/camera/image

To let a disarmed robot move, and to stop it:
  ros2 service call /actuation_node/enable std_srvs/srv/SetBool "{data: true}"
  ros2 service call /actuation_node/stop std_srvs/srv/Trigger
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the launch file as those of `mirror_robot run`."""
    for option in OPTIONS:
        _add_option(parser, option)


def _add_option(parser: argparse.ArgumentParser, option: Option) -> None:
    flag = "--" + option.name.replace("_", "-")
    if option.switch:
        parser.add_argument(
            flag, dest=option.name, action=argparse.BooleanOptionalAction,
            default=option.read(option.default), help=option.description)
        return
    parser.add_argument(
        flag, dest=option.name, default=option.default, choices=option.choices or None,
        metavar=None if option.choices else option.name.upper(),
        help=option.description + (f" (default: {option.default})" if option.default else ""))


def run(options: argparse.Namespace) -> int:
    """Run the loop; return the exit code.

    Returns
    -------
    int
        0 after Ctrl-C or SIGTERM, and when a node ends of its own accord with 0; 1 when a node
        fails, which is said by name.
    """
    starts = nodes_to_start({option.name: getattr(options, option.name) for option in OPTIONS})
    with Processes() as processes:
        for start in starts:
            processes.start(start.name, start.command(options.ros_arguments))
        print(f"mirror_robot: {', '.join(start.name for start in starts)} started; "
              "Ctrl-C ends them.", flush=True)
        try:
            ended = _wait(processes, {start.name for start in starts if start.essential})
        except KeyboardInterrupt:
            print("\nmirror_robot: ending the nodes ...", flush=True)
            return 0
    print(f"mirror_robot: {ended}; the others were ended too.", file=sys.stderr, flush=True)
    return 0 if ended.code == 0 else 1


def _wait(processes: Processes, essential: set[str]) -> Ended:
    """Return the first essential node that ends; of others only say that they ended."""
    while (ended := processes.ended()) is None or ended.name not in essential:
        if ended is None:
            time.sleep(0.1)
        else:
            print(f"mirror_robot: {ended}; the loop goes on without.", file=sys.stderr,
                  flush=True)
            processes.stop([ended.name])
    return ended
