# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Writes a first profile for a robot of one's own.

It finds arms, head and torso in a description (URDF, xacro or MJCF) by names and kinematics,
writes a profile that a person can read and correct, says what it is unsure of, and draws the robot
with its chains coloured.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

EXAMPLES = """\
examples:
  mirror_robot profile my_robot.urdf
  mirror_robot profile my_robot.urdf.xacro --name rosie --output rosie.yaml
  mirror_robot demo --robot rosie.yaml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mirror_robot profile`."""
    parser.add_argument("urdf", type=Path, help="the robot's URDF, xacro or MJCF file")
    parser.add_argument("--name", help="the robot's name (default: as in the description)")
    parser.add_argument("--output", type=Path, metavar="FILE",
                        help="where the profile goes (default: NAME.yaml); the picture goes "
                        "beside it, as .svg")
    parser.add_argument("--force", action="store_true", help="write over files that are there")
    parser.add_argument("--json", action="store_true", help="tell what was found as JSON")


def run(options: argparse.Namespace) -> int:
    """Write profile and picture, print what was found; return the exit code (0 fine, 1 not)."""
    from mirror_robot.body.discovery import discover_profile
    from mirror_robot.body.drawing import draw_robot
    from mirror_robot.body.model import load_model
    discovery = discover_profile(options.urdf, options.name)
    output = options.output
    if output is None:
        title = next(line for line in discovery.profile_yaml.splitlines()
                     if line.startswith("name: "))
        output = Path(f"{options.name or title.removeprefix('name: ').strip(chr(39))}.yaml")
    picture = output.with_suffix(".svg")
    for path in (output, picture):
        if path.exists() and not options.force:
            print(f"{path} is there already; --force writes over it, --output names another file",
                  file=sys.stderr)
            return 1
    output.write_text(discovery.profile_yaml, encoding="utf-8")
    picture.write_text(draw_robot(load_model(output)), encoding="utf-8")
    if options.json:
        print(json.dumps({"profile": str(output), "picture": str(picture),
                          "notes": list(discovery.notes)}, indent=2, ensure_ascii=False))
        return 0
    for note in discovery.notes:
        print(f"  {note}")
    print(f"{output}: the profile; read it, correct what is unsure, then use it with "
          f"--robot {output}")
    print(f"{picture}: the robot with its chains coloured")
    return 0
