# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""`mirror_robot run`: the loop as processes, until Ctrl-C or until one of them ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from mirror_robot.bringup.graph import nodes_to_start
from mirror_robot.bringup.processes import Processes


def run(values: Mapping[str, Any], ros_arguments: Sequence[str] = ()) -> int:
    """Run the loop with option values as `read_options` returns them; return the exit code.

    Returns
    -------
    int
        0 after Ctrl-C or SIGTERM, and when a node ends of its own accord with 0; 1 when a node
        fails, which is said by name.
    """
    starts = nodes_to_start(values)
    with Processes() as processes:
        for start in starts:
            processes.start(start.name, start.command(ros_arguments))
        print(f"mirror_robot: {', '.join(start.name for start in starts)} started; "
              "Ctrl-C ends them.", flush=True)
        try:
            while (ended := processes.ended()) is None:
                time.sleep(0.1)
        except KeyboardInterrupt:
            print("\nmirror_robot: ending the nodes ...", flush=True)
            return 0
    print(f"mirror_robot: {ended}; the others were ended too.", file=sys.stderr, flush=True)
    return 0 if ended.code == 0 else 1
