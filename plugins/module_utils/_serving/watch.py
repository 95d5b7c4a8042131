# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is seen of a release under traffic: each pod's own counters, and what a Prometheus says."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from .._core.failure import Failure
from .._kube.kinds import Kind, kind_of
from . import metrics, prometheus
from .analysis import GROUPS, PREDICTOR, PROMETHEUS, Analysis, word
from .batching import METRICS_PATH
from .metrics import Counts
from .predictor import OWNER, REST_PORT, REVISION, owner
from .predictor import PREDICTOR as PREDICTOR_LABEL

POD = kind_of("v1", "Pod")


class Api(Protocol):
    def list(self, kind: Kind, namespace: str | None = None, *, labels: str = "") -> list[dict[str, Any]]: ...
    def pod(self, namespace: str, name: str, port: int | str, path: str) -> tuple[int, str]: ...


class Watch:
    """`new` and `old`: Services on each side; `predictors`: Service by predictor name. A call gives the values since
    the last call.
    """

    def __init__(
        self,
        api: Api,
        namespace: str,
        serving: str,
        model: str,
        new: Collection[str],
        old: Collection[str],
        predictors: Mapping[str, str],
        analysis: Analysis,
    ) -> None:
        self._api, self._namespace, self._serving, self._model = api, namespace, serving, model
        self._sides = dict(zip(GROUPS, (new, old), strict=True))
        self._predictors, self._analysis = predictors, analysis
        self._last: dict[str, Counts] | None = None

    def __call__(self) -> dict[str, Any]:
        """Raises Failure `Forbidden`, `PrometheusFailed`, `Unreachable`."""
        values: dict[str, Any] = {}
        if self._analysis.own:
            windows = self._windows()
            for side, services in self._sides.items():
                values[side] = _numbers(windows, services)
            values[PREDICTOR] = {word(name): _numbers(windows, [at]) for name, at in self._predictors.items()}
        if self._analysis.prometheus:
            values[PROMETHEUS] = prometheus.ask(self._analysis.prometheus, *self._sides.values())
        return values

    def _windows(self) -> list[tuple[str, Counts]]:
        """(Service, what came since the last look) of each pod. A pod that did not answer is left out."""
        before, now = self._last, {}
        found: list[tuple[str, Counts]] = []
        for pod in self._api.list(POD, self._namespace, labels=f"{OWNER}={owner(self._serving)}"):
            if "deletionTimestamp" in pod["metadata"]:
                continue
            name = pod["metadata"]["name"]
            counts = self._scrape(name)
            if counts is None:
                continue
            counts.restarts = _restarts(pod)
            now[name] = counts
            found.append((_service(self._serving, pod), counts.since((before or {}).get(name, Counts()))))
        self._last = now
        return found

    def _scrape(self, pod: str) -> Counts | None:
        status, text = self._api.pod(self._namespace, pod, REST_PORT, METRICS_PATH)
        if status == 403:
            raise Failure(
                "Forbidden",
                f"The kubeconfig's user may not read the metrics of pod {pod} through the API server.",
                hint="Allow it get on pods/proxy and list on pods, or let the conditions use prometheus.",
            )
        return metrics.parse(text, self._model) if status == 200 else None


def _numbers(windows: Sequence[tuple[str, Counts]], services: Collection[str]) -> dict[str, Any]:
    return metrics.numbers(metrics.together(counts for service, counts in windows if service in services))


def _service(serving: str, pod: Mapping[str, Any]) -> str:
    labels = pod["metadata"]["labels"]
    return f"{serving}-{labels.get(PREDICTOR_LABEL)}-{labels.get(REVISION)}"


def _restarts(pod: Mapping[str, Any]) -> int:
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return sum(int(each.get("restartCount", 0)) for each in statuses)
