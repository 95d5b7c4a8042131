# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The option pair of every module that waits."""

from __future__ import annotations


class ModuleDocFragment:
    """Extended as C(mlops.ack.wait); a module documents its own default of O(wait_timeout)."""

    DOCUMENTATION = r"""
options:
  wait:
    description: Wait until the wish has come true. Ends at once when it no longer can.
    type: bool
    default: true
"""
