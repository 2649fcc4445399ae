# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Runs the command `mirror_robot` out of a checkout: ``python -m mirror_robot.console``."""

import sys

from mirror_robot.console.main import main

sys.exit(main())
