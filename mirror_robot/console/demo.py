# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Plays sample clips in real time through the whole loop.

Perception, mirror, actuation and a simulated robot work over real ROS topics; the demo tells what
is understood, and makes a video of person and robot side by side.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mirror_robot.bringup.graph import MODE

EXAMPLES = """\
examples:
  mirror_robot demo                              the three sample clips
  mirror_robot demo --clip dancer --duration 10
  mirror_robot demo --clip party.mp4 --robot my_robot.yaml --output output/party
  mirror_robot report output/party               the page about it, once more
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mirror_robot demo`."""
    parser.add_argument(
        "--clip", action="append", metavar="CLIP", dest="clips",
        help="single_face, WolfgangLanger, dancer, or a video file; may be given several times "
        "(default: the three)")
    parser.add_argument("--duration", type=float, metavar="S",
                        help="play only the first S seconds of each clip")
    parser.add_argument("--robot", default="kagami", help="robot profile (default: kagami)")
    parser.add_argument("--twin", action="store_true",
                        help="move like a twin, not like a reflection")
    parser.add_argument("--mode", choices=MODE.choices, default=MODE.default,
                        help="copy what is seen, or answer it (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=Path("output/demo"), metavar="FOLDER",
                        help="where video, figures and logs go (default: output/demo)")
    parser.add_argument("--no-video", action="store_true", help="no side-by-side video")
    parser.add_argument("--no-viewer", action="store_true",
                        help="no live page in the browser meanwhile")


def run(options: argparse.Namespace) -> int:
    """Play the clips; return the exit code."""
    # Not above: rclpy's wheels start the interpreter anew when they are imported.
    from mirror_robot.demo.play import run_demo
    return run_demo(
        clips=options.clips, duration=options.duration, robot=options.robot,
        mirror_image=not options.twin, output=options.output, video=not options.no_video,
        viewer=not options.no_viewer, mode=options.mode)
