# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Runs the command `mirror_robot` out of a checkout: ``python -m mirror_robot.console``."""

import sys

from mirror_robot.console.main import main

if __name__ == "__main__":  # worker processes import this module too
    sys.exit(main())
