# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module of this name, run inside the worker where nothing forbids it."""

from __future__ import annotations

from ansible_collections.mlops.ack.plugins.plugin_utils._in_process import load

ActionModule = load(__name__)
