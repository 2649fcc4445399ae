# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What is started together: the table of nodes that launch files and console share; processes."""
