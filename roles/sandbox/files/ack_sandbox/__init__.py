# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The sandbox: real Kubernetes clusters, a registry and a simulated cloud API on one Linux machine.

Run `python -m ack_sandbox --help`. Modules, in the order they may import each other:
settings, progress, process < supervisor, cgroups, network, pki, api, packages, gobuild < services < preflight,
node, addons < cluster < sandbox < __main__.
"""
