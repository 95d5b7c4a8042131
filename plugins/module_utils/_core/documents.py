# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading YAML, on machines that may have no library for it."""

from __future__ import annotations

from typing import Any

from .preflight import need


def documents(text: str | bytes) -> list[Any]:
    """Every document of a stream. Raises ValueError where it is no YAML, Failure `MissingLibrary`."""
    try:
        import yaml
    except ImportError as error:
        need("PyYAML", str(error))
        raise
    data = text.encode() if isinstance(text, str) else text  # its C parser takes no subclass of str, as Ansible's are
    try:
        return list(yaml.load_all(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def document(text: str | bytes) -> Any:
    """The only document of a stream, None of an empty one. Raises as `documents`."""
    found = documents(text)
    if len(found) > 1:
        raise ValueError(f"one YAML document is expected, {len(found)} are there")
    return found[0] if found else None


def current_context(kubeconfig: str | bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """(cluster, user) of the context that a kubeconfig says is the current one. Raises ValueError where it has none."""
    config = document(kubeconfig)
    try:
        context = _named(config, "contexts", config["current-context"])["context"]
        return (
            dict(_named(config, "clusters", context["cluster"])["cluster"]),
            dict(_named(config, "users", context["user"])["user"]),
        )
    except (KeyError, TypeError, StopIteration) as error:
        raise ValueError("no current context, or one without its cluster or user") from error


def _named(config: Any, section: str, name: str) -> Any:
    return next(each for each in config[section] if each["name"] == name)
