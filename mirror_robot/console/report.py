# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Makes one HTML page with pictures and figures of a demo or of a bag.

Who was seen, what was understood when, motor units, feelings, robot beside person, latencies,
limits and sentences. The page holds all that it shows and fetches nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

EXAMPLES = """\
examples:
  mirror_robot report                          of the last demo, output/demo
  mirror_robot report my_bag --output monday.html
  mirror_robot report my_bag --robot my_robot.yaml --namespace robot1 --no-pictures
  mirror_robot report my_bag --json | jq '.[0].latency'

a bag that has everything, with small pictures of what is seen:
  ros2 bag record -e '(human|mirror|actuation)/|joint_states|diagnostics' \\
      --exclude-regex 'human/(image|annotated_raw)'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mirror_robot report`."""
    parser.add_argument(
        "source", type=Path, nargs="?", default=Path("output/demo"), metavar="SOURCE",
        help="folder of a demo, or a bag: its folder, .mcap or .db3 file (default: output/demo)")
    parser.add_argument("--output", type=Path, metavar="FILE",
                        help="where the page goes (default: report.html in the demo's folder, or "
                        "SOURCE.html beside a bag)")
    parser.add_argument("--robot", default="kagami",
                        help="robot profile of a bag (default: kagami)")
    parser.add_argument("--twin", action="store_true",
                        help="in the bag the robot moves like a twin, not like a reflection")
    parser.add_argument("--namespace", help="of the loop in a bag that holds several")
    parser.add_argument("--no-pictures", action="store_true", help="figures and charts alone")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, too")


def run(options: argparse.Namespace) -> int:
    """Write the page and say where it is; return the exit code.

    Raises
    ------
    ValueError, OSError
        If there is nothing to report on.
    """
    # Not above: rclpy's wheels start the interpreter anew when they are imported.
    from mirror_robot.progress import Progress
    from mirror_robot.reporting.bag import is_bag, read_bag
    from mirror_robot.reporting.page import write_report
    from mirror_robot.reporting.stored import FILE, SourceError, finite, load_runs

    source: Path = options.source.expanduser()
    if (source / FILE).is_file():
        session, output = load_runs(source / FILE), source / "report.html"
    elif is_bag(source):
        with Progress("reading the bag") as progress:
            session = read_bag(source, options.robot, not options.twin, options.namespace,
                               progress.show)
        output = source.with_name(f"{source.stem}.html")
    elif not source.exists():
        raise SourceError(f"there is no {source}; `mirror_robot demo` makes output/demo, "
                          "`ros2 bag record` makes a bag")
    else:
        raise SourceError(f"{source} is neither the folder of a demo (with {FILE}) nor a bag "
                          "(with metadata.yaml)")
    output = options.output or output
    with Progress("making the report") as progress:
        summaries = write_report(output, session, not options.no_pictures, progress.show)
    if options.json:
        print(json.dumps(finite([asdict(item) for item in summaries]), indent=2))
    print(f"report: {output.resolve()}", file=sys.stderr if options.json else sys.stdout)
    return 0
