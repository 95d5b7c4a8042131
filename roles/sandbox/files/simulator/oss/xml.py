# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""XML answers without namespaces, and XML bodies."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

from ..errors import ServiceError

Content = Any  # str, int, bool, None, a mapping of names to contents, or a list of contents


def document(root: str, content: Content) -> bytes:
    """A mapping becomes elements; a list under a name repeats that element; None leaves the element out."""
    element = ET.Element(root)
    _fill(element, content)
    text = ET.tostring(element, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


def _fill(element: ET.Element, content: Content) -> None:
    if isinstance(content, Mapping):
        for name, value in content.items():
            if value is None:
                continue
            for item in value if isinstance(value, (list, tuple)) else [value]:
                _fill(ET.SubElement(element, name), item)
    elif isinstance(content, bool):
        element.text = "true" if content else "false"
    else:
        element.text = str(content)


def parse(body: bytes, root: str) -> ET.Element:
    """The body's root element, namespaces removed. Raises MalformedXML."""
    try:
        element = ET.fromstring(body)
    except ET.ParseError as wrong:
        raise ServiceError(400, "MalformedXML", f"The XML you provided was not well-formed: {wrong}.") from None
    for node in element.iter():
        node.tag = node.tag.rpartition("}")[2]
    if element.tag != root:
        raise ServiceError(400, "MalformedXML", f"The root element is {element.tag}; {root} is expected.")
    return element
