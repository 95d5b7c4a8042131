# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every module of the collection promises."""

from __future__ import annotations


class ModuleDocFragment:
    """Extended as C(mlops.ack.attributes), and C(mlops.ack.attributes.info) for modules that only read."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Predicts the result without writing anything.
    support: full
  diff_mode:
    description: Returns what differs, from the plan that the run carries out.
    support: full
  async:
    description: Can run in the background; the task then runs as a forked module.
    support: full
"""

    INFO = r"""
options: {}
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Reads only, so nothing can differ.
    support: N/A
  async:
    description: Can run in the background; the task then runs as a forked module.
    support: full
"""
