# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""One page with pictures and figures of what happened: from a demo or from a bag."""
