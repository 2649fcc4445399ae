# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Checks whether everything is here that the loop needs, and says what to do.

Python, libraries, models, rendering, robot profile, camera; and, of a loop that runs, its nodes,
topics, rates and what the nodes say of themselves.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

EXAMPLES = """\
examples:
  mirror_robot doctor                          this machine, and the loop if one runs
  mirror_robot doctor --robot my_robot.yaml --camera 2
  mirror_robot doctor --namespace robot1       that loop
  mirror_robot doctor --json | jq '.[] | select(.state == "FAULT")'

exit codes: 0 all is here, 1 something is missing or does not work
"""

FINE, ADVICE, FAULT = "ok", "note", "FAULT"

# Shared library -> the Debian and Ubuntu package that has it.
_LIBRARIES = {
    "libEGL.so.1": "libegl1", "libGLESv2.so.2": "libgles2", "libGL.so.1": "libgl1",
    "libglib-2.0.so.0": "libglib2.0-0", "libgomp.so.1": "libgomp1",
}
# Module -> how to get it.
_MODULES = {
    "numpy": "pip install -r requirements-ros.txt",
    "cv2": "pip install -r requirements-ros.txt (MediaPipe brings it)",
    "mediapipe": "pip install -r requirements-ros.txt",
    "mujoco": "pip install -r requirements-ros.txt",
    "ruckig": "pip install -r requirements-ros.txt",
    "yaml": "apt: python3-yaml, or pip install -r requirements.txt",
    "xacro": "apt: ros-$ROS_DISTRO-xacro, or pip install -r requirements.txt",
    "pinocchio": "apt: ros-$ROS_DISTRO-pinocchio, or pip install -r requirements.txt",
    "viser": "pip install -r requirements-ros.txt (for the live page; the rest works without)",
    "rclpy": "source a ROS 2 underlay, or pip install -r requirements.txt",
}
_MODELS = ("pose_landmarker_full.task", "face_landmarker.task", "hand_landmarker.task")


@dataclass(frozen=True)
class Check:
    """One finding: ``state`` is ok, note or FAULT; ``advice`` says what to do."""

    subject: str
    state: str
    finding: str
    advice: str = ""


def _in_a_process(code: str, timeout: float = 60.0) -> tuple[bool, str]:
    """Run Python code in a process of its own, as a broken library may take its process down."""
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                              timeout=timeout, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return False, f"no answer within {timeout:.0f} s"
    text = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return done.returncode == 0, text[-1] if text else f"exit code {done.returncode}"


def check_python() -> Iterator[Check]:
    """Check the interpreter."""
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 10)
    yield Check("Python", FINE if good else FAULT, f"{version}, {sys.executable}",
                "" if good else "use Python 3.10 or newer")


def check_libraries() -> Iterator[Check]:
    """Check the system libraries that MediaPipe and the renderer load."""
    missing = []
    for library, package in _LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            missing.append(package)
    yield Check("system libraries", FAULT if missing else FINE,
                f"missing: {', '.join(missing)}" if missing else ", ".join(_LIBRARIES),
                f"sudo apt-get install {' '.join(missing)}" if missing else "")


def check_modules() -> Iterator[Check]:
    """Check that every Python module loads, and that only one OpenCV is installed."""
    for module, advice in _MODULES.items():
        fine, text = _in_a_process(
            f"import {module} as m; print(getattr(m, '__version__', ''), m.__file__)")
        yield Check(module, FINE if fine else FAULT, text, "" if fine else advice)
    wheels = sorted({name for dist in importlib.metadata.distributions()
                     if (name := (dist.metadata["Name"] or "").lower()).startswith("opencv-")})
    if len(wheels) > 1:
        yield Check("OpenCV", FAULT, f"several wheels overwrite each other: {', '.join(wheels)}",
                    f"pip uninstall {' '.join(wheels)}, then install MediaPipe again")


def check_models() -> Iterator[Check]:
    """Check that MediaPipe's models are at hand or can be fetched."""
    fine, text = _in_a_process(
        "from mirror_robot.perception.assets import asset\n"
        f"print(*sorted({{str(asset(name).parent) for name in {_MODELS!r}}}))", timeout=600.0)
    yield Check("models", FINE if fine else FAULT, text,
                "" if fine else "they are fetched once: connect to the internet, or give "
                "their paths by parameter (perception_node)")


def check_rendering() -> Iterator[Check]:
    """Check that the simulated robot can be drawn without a display."""
    backend = os.environ.get("MUJOCO_GL", "egl")
    fine, text = _in_a_process(
        f"import os; os.environ.setdefault('MUJOCO_GL', {backend!r})\n"
        "import mujoco\n"
        "model = mujoco.MjModel.from_xml_string('<mujoco><worldbody/></mujoco>')\n"
        "mujoco.Renderer(model, 16, 16).close(); print('works')")
    yield Check("rendering", FINE if fine else ADVICE, f"MUJOCO_GL={backend}: {text}",
                "" if fine else "only pictures of the robot are lost; sudo apt-get install "
                "libegl1 libgl1-mesa-dri, or set MUJOCO_GL=osmesa")


def check_camera(device: str, in_use: bool = False) -> Iterator[Check]:
    """Check that the camera gives a picture; it cannot while a loop has it `in_use`."""
    path = Path(f"/dev/video{device}" if device.isdigit() else device)
    if not path.exists():
        yield Check("camera", ADVICE, f"there is no {path}",
                    "connect one, or use a file, a folder, a stream or a topic as --source")
    elif not os.access(path, os.R_OK | os.W_OK):
        yield Check("camera", FAULT, f"{path} is not open to this user",
                    "sudo usermod -aG video $USER, then log in again")
    else:
        fine, text = _in_a_process(
            f"import cv2; c = cv2.VideoCapture({str(path)!r}); ok, image = c.read()\n"
            "assert ok, 'it gives no picture'; print('%d x %d' % image.shape[1::-1])")
        if in_use and not fine:
            yield Check("camera", ADVICE, f"{path}: {text}", "a loop runs and may be using it")
            return
        yield Check("camera", FINE if fine else FAULT, f"{path}: {text}",
                    "" if fine else "close other programs that use it; try another number")


def check_robot(robot: str) -> Iterator[Check]:
    """Check that the robot's profile and description fit each other."""
    from mirror_robot.body.model import load_model
    try:
        model = load_model(robot)
        controllers = ", ".join(model.profile.controllers) or "no controllers"
        yield Check("robot", FINE, f"{model.profile.name}: {len(model.joint_names)} joints, "
                                   f"{controllers}")
    except (ValueError, OSError, ImportError) as error:
        yield Check("robot", FAULT, str(error), "mend the profile or choose another --robot")


def look_at_the_graph(namespace: str, seconds: float, robot: str) -> dict[str, Any] | str:
    """Return what `mirror_robot.console.survey` finds, or why it finds nothing."""
    from mirror_robot.body.profile import load_profile
    commands: list[str] = []
    with contextlib.suppress(ValueError, OSError):  # which `check_robot` tells
        commands = [f"{name}/joint_trajectory" for name in load_profile(robot).controllers]
    command = [sys.executable, "-m", "mirror_robot.console.survey", namespace, str(seconds),
               *commands]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60.0 + seconds,
                              stdin=subprocess.DEVNULL)
        return json.loads(done.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, IndexError, ValueError) as error:
        said = done.stderr.strip().splitlines() if not isinstance(
            error, subprocess.TimeoutExpired) else [str(error)]
        return said[-1] if said else f"exit code {done.returncode}"


def check_graph(found: dict[str, Any] | str, namespace: str) -> Iterator[Check]:
    """Tell of a loop that runs whether its parts are there and at work."""
    if isinstance(found, str):
        yield Check("ROS", FAULT, found, "see rclpy above; is RMW_IMPLEMENTATION installed?")
        return
    domain = f"ROS_DOMAIN_ID={found['domain']}, {found['rmw']}"
    if not found["nodes"]:
        others = ", ".join(space.strip("/") or "/" for space in found["elsewhere"])
        yield Check("loop", ADVICE, f"none runs ({domain})"
                    + (f" in namespace {namespace!r}, but in {others}" if others else ""),
                    "choose it with --namespace" if others else
                    "start one: mirror_robot run; if one runs, compare ROS_DOMAIN_ID and "
                    "ROS_AUTOMATIC_DISCOVERY_RANGE, and see docs/two-machines.md")
        return
    twice = [name for name, count in found["nodes"].items() if count > 1]
    yield Check("loop", FAULT if twice else FINE,
                f"{', '.join(sorted(found['nodes']))} ({domain})"
                + (f"; more than one: {', '.join(twice)}" if twice else ""),
                "end one of them, or give each loop a --namespace of its own" if twice else "")
    yield from _check_topics(found)
    for name, status in sorted(found["status"].items()):
        # diagnostic_msgs: 0 OK, 1 WARN, 2 ERROR, 3 STALE
        state = FINE if status["level"] == 0 else FAULT if status["level"] == 2 else ADVICE
        yield Check(name, state, status["message"], "" if state == FINE else
                    "see docs/troubleshooting.md, and: ros2 topic echo /diagnostics")
    for name in sorted(set(found["nodes"]) - set(found["status"])):
        yield Check(name, FAULT, "says nothing of itself: it hangs, or is still loading",
                    "wait, and look at what it printed")


def _check_topics(found: dict[str, Any]) -> Iterator[Check]:
    topics = found["topics"]

    def rate(name: str) -> float:
        return topics[name]["rate"]

    def tell(name: str, state: str, advice: str = "") -> Check:
        return Check(name, state, f"{rate(name):.0f}/s of {topics[name]['publishers']} publishers",
                     advice)

    seen = max(rate("human/body"), rate("human/face"))
    source = topics["human/body"]["publishers"]
    yield tell("human/body", FINE if rate("human/body") >= 10 else ADVICE if source else FAULT,
               "" if rate("human/body") >= 10 else
               "start perception_node, or another perception with human_source:=rep155"
               if not source else
               "nobody is seen: is the camera right, the person in the picture, in light?"
               if not seen else "slow, or only a face is seen; below 10/s the robot lags: a "
               "smaller picture, fewer people, a faster machine")
    robot = topics["joint_states"]
    yield tell("joint_states", FINE if robot["rate"] >= 20 else FAULT, "" if robot["rate"] >= 20
               else "start the robot's driver and its joint_state_broadcaster, or the simulation "
               "(--sim mujoco)" if not robot["publishers"] else
               "too slow to move by: 20/s are needed; see update_rate of the controller_manager")
    if seen:
        yield tell("mirror/activation", FINE if rate("mirror/activation") else FAULT,
                   "" if rate("mirror/activation") else
                   "somebody is seen and nothing is understood: is mirror_node running?")
    for topic, listeners in found["commands"].items():
        yield Check(topic, FINE if listeners else FAULT, f"{listeners} listen",
                    "" if listeners else "the controller is not there: ros2 control "
                    "list_controllers; its name must be that in the robot's profile")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mirror_robot doctor`."""
    parser.add_argument("--robot", default="kagami", help="robot profile (default: kagami)")
    parser.add_argument("--camera", default="0", metavar="DEVICE",
                        help="camera number or device (default: 0)")
    parser.add_argument("--namespace", default="", help="of the loop, such as robot1")
    parser.add_argument("--seconds", type=float, default=2.0, metavar="S",
                        help="how long the topics of a loop are counted (default: 2)")
    parser.add_argument("--json", action="store_true", help="answer as JSON")


def run(options: argparse.Namespace) -> int:
    """Run all checks and print them; return 1 when there is a fault, else 0."""
    found = look_at_the_graph(options.namespace, options.seconds, options.robot)
    runs = not isinstance(found, str) and "perception_node" in found["nodes"]
    groups = (check_python(), check_libraries(), check_modules(), check_models(),
              check_rendering(), check_robot(options.robot), check_camera(options.camera, runs),
              check_graph(found, options.namespace))
    checks = []
    for group in groups:
        for check in group:
            checks.append(check)
            if not options.json:
                print(f"{check.state:>5}  {check.subject}: {check.finding}", flush=True)
                if check.advice:
                    print(f"       -> {check.advice}", flush=True)
    faults = sum(check.state == FAULT for check in checks)
    if options.json:
        print(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        print("all that is needed is here" if not faults else
              f"{faults} fault{'s' * (faults > 1)}: the loop will not run like this")
    return 1 if faults else 0
