# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The option group of every module that calls Alibaba Cloud."""

from __future__ import annotations


class ModuleDocFragment:
    """Extended as C(mlops.ack.alibaba), C(mlops.ack.alibaba.cs) and C(mlops.ack.alibaba.oss)."""

    DOCUMENTATION = r"""
options:
  access_key_id:
    description:
      - Id of the access key. Without it the SDK's own chain is used (environment, profile, OIDC, ECS role).
      - Falls back to E(ALIBABA_CLOUD_ACCESS_KEY_ID), E(ALICLOUD_ACCESS_KEY), E(ALIBABACLOUD_ACCESS_KEY_ID).
    type: str
  access_key_secret:
    description:
      - Secret of the access key.
      - Falls back to E(ALIBABA_CLOUD_ACCESS_KEY_SECRET), E(ALICLOUD_SECRET_KEY), E(ALIBABACLOUD_ACCESS_KEY_SECRET).
    type: str
  security_token:
    description:
      - Token of temporary (STS) credentials.
      - Falls back to E(ALIBABA_CLOUD_SECURITY_TOKEN), E(ALICLOUD_SECURITY_TOKEN), E(ALIBABACLOUD_SECURITY_TOKEN).
    type: str
  region:
    description:
      - Region id, for example V(cn-hangzhou).
      - Falls back to E(ALIBABA_CLOUD_REGION), E(ALICLOUD_REGION).
    type: str
  request_timeout:
    description: Seconds one request may take, connecting and reading together.
    type: int
    default: 60
requirements:
  - python >= 3.11
"""

    CS = r"""
options:
  cs_endpoint:
    description:
      - Address of the ACK API, C(host:port) or C(http://host:port). Chosen by the region when unset.
      - Falls back to E(ALIBABA_CLOUD_ENDPOINT_CS), E(CS_ENDPOINT).
    type: str
requirements:
  - alibabacloud-cs20151215 >= 6.0
"""

    OSS = r"""
options:
  oss_endpoint:
    description:
      - Address of the OSS API, with its scheme. C(https://oss-<region>.aliyuncs.com) when unset.
      - Falls back to E(ALIBABA_CLOUD_ENDPOINT_OSS), E(OSS_ENDPOINT).
    type: str
requirements:
  - oss2 >= 2.19
"""
