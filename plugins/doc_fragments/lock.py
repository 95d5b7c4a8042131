# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The option of every module that keeps others from writing meanwhile."""

from __future__ import annotations


class ModuleDocFragment:
    """Extended as C(mlops.ack.lock)."""

    DOCUMENTATION = r"""
options:
  lock:
    description:
      - Held while the module writes, so that of two launchers one waits, and then looks again what is left to do.
        Neither taken nor waited for where nothing is to be written.
      - The lock of a launcher that died is taken over, at once on the same machine, else after 30 seconds.
      - Set either O(lock.bucket) or O(lock.path).
    type: dict
    suboptions:
      name:
        description: What is locked; tasks with the same name exclude each other. For example V(prod/serving-digits).
        type: str
        required: true
      wait_timeout:
        description: Seconds to wait for somebody else, before the task fails without having written anything.
        type: int
        default: 600
      bucket:
        description: Name of the OSS bucket that the launchers share. It must be there, and never have been versioned.
        type: str
      prefix:
        description: What every key in the bucket begins with. Not used with O(lock.path).
        type: str
        default: mlops
      path:
        description: A folder, where all launchers run on one machine.
        type: path
      region:
        description: Region of the bucket. Falls back as the option of that name does elsewhere.
        type: str
      oss_endpoint:
        description: Address of the OSS API. Falls back as the option of that name does elsewhere.
        type: str
      access_key_id:
        description: Id of the access key. Falls back as the option of that name does elsewhere.
        type: str
      access_key_secret:
        description: Secret of the access key. Falls back as the option of that name does elsewhere.
        type: str
      security_token:
        description: Token of temporary credentials. Falls back as the option of that name does elsewhere.
        type: str
      request_timeout:
        description: Seconds one request may take; never more than 10.
        type: int
        default: 60
"""
