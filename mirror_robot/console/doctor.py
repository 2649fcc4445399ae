# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Checks Python, libraries, ROS, models, rendering, camera and robot profile; says what to do."""

from __future__ import annotations

import argparse
import ctypes
import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

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


def check_camera(device: str) -> Iterator[Check]:
    """Check that the camera gives a picture."""
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mirror_robot doctor`."""
    parser.add_argument("--robot", default="kagami", help="robot profile (default: kagami)")
    parser.add_argument("--camera", default="0", metavar="DEVICE",
                        help="camera number or device (default: 0)")
    parser.add_argument("--json", action="store_true", help="answer as JSON")


def run(options: argparse.Namespace) -> int:
    """Run all checks and print them; return 1 when there is a fault, else 0."""
    groups = (check_python(), check_libraries(), check_modules(), check_models(),
              check_rendering(), check_camera(options.camera), check_robot(options.robot))
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
