#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: tfserving_rollback
short_description: Go back, or forward, to a release that has served
version_added: 1.0.0
description:
  - Brings a recorded release back, with its predictors, shares, route and all, from its record alone. Neither the
    inventory nor the machine that released it is needed, and nothing is trained or built.
  - The predictors prove themselves as in any release before they get traffic, unless they still serve. Then the traffic
    goes there at once, without steps, and without a gate.
  - Who went back, from what, to what and why is a release record of its own. The release that was taken away is refused
    to M(mlops.ack.tfserving) until something else is asked for, or C(retry) is set. Change the inventory, too.
  - Refuses a release whose versions are recorded otherwise now than they were then.
author: mlops.ack contributors (@mlops-ack)
options:
  name:
    description: Name of the tfserving.
    type: str
    required: true
  namespace:
    description: Its namespace.
    type: str
    required: true
  environment:
    description: The environment whose releases are meant.
    type: str
    required: true
  release:
    description:
      - The number of a release, also a later one; M(mlops.ack.tfserving_info) lists them.
      - V(previous) ends a release that is under way. Otherwise it is the newest one before the present that served
        something else. It never leads to what a rollback took away, so each run goes further back. Name the number
        where a run may be repeated.
    type: str
    default: previous
  model:
    description: Name of the model. Only needed where the tfserving has served several.
    type: str
  reason:
    description: Why, for the record.
    type: str
    required: true
  released_by:
    description: Who goes back, for the record; the AWX user or the user of this machine when unset.
    type: str
  wait_timeout:
    description: Seconds after which waiting ends.
    type: int
    default: 900
extends_documentation_fragment:
  - mlops.ack.kubernetes
  - mlops.ack.alibaba
  - mlops.ack.alibaba.oss
  - mlops.ack.store
  - mlops.ack.lock
  - mlops.ack.wait
  - mlops.ack.attributes
seealso:
  - module: mlops.ack.tfserving
  - module: mlops.ack.tfserving_info
"""

EXAMPLES = r"""
- name: Back to what served before
  mlops.ack.tfserving_rollback:
    name: digits
    namespace: serving
    environment: prod
    reason: Nines are read as fours
    store: {bucket: ml-example}
    region: cn-hangzhou

- name: To release 3, and nowhere else however often this runs
  mlops.ack.tfserving_rollback:
    name: digits
    namespace: serving
    environment: prod
    release: 3
    reason: The fix of the camera is out
    store: {bucket: ml-example}
    region: cn-hangzhou
"""

RETURN = r"""
serving:
  description:
    - What serves after the run, in check mode what would, as M(mlops.ack.tfserving) returns it.
    - In check mode C(release) is null where the run will record a new one.
  returned: success
  type: dict
  sample:
    name: digits
    namespace: serving
    environment: prod
    predictors: []
    release: 4
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample: {code: UnknownRelease, message: "...", resource: tfserving/digits, request_id: "", hint: "..."}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import KUBE, OSS, wait
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome
from ansible_collections.mlops.ack.plugins.module_utils._oss.lock import LOCK, use_lock
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import STORE, open_store
from ansible_collections.mlops.ack.plugins.module_utils._serving.rollback import roll_back


def run(params: Params, context: Context) -> Outcome:
    use_lock(params, context)
    return roll_back(params, context, open_store(params, context))


MODULE = Module(
    {
        **OSS,
        **KUBE,
        **STORE,
        **LOCK,
        **wait(900),
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str", "required": True},
        "environment": {"type": "str", "required": True},
        "release": {"type": "str", "default": "previous"},
        "model": {"type": "str"},
        "reason": {"type": "str", "required": True},
        "released_by": {"type": "str"},
    },
    run,
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
