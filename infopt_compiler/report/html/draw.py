"""From a Vega-Lite spec to an SVG that stands inside the page: drawn at build time, so the page holds no script."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

from markupsafe import Markup

from infopt_compiler.report.html.blocks import Spec
from infopt_compiler.report.html.theme import CONFIG

_SVG = "http://www.w3.org/2000/svg"
_VERSION = "6.4"  # of Vega-Lite, among those that vl-convert carries
_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_ARIA = ("role", "aria-label", "aria-roledescription", "aria-hidden", "pointer-events")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


class DrawingError(ValueError):
    """Vega-Lite refused a spec; the message is its own."""


def draw(spec: Spec, title: str, text: str, prefix: str) -> Markup:
    """The drawing as inline SVG, named `title` and described by `text`; its ids begin with `prefix`.

    A mark's `description` becomes its tooltip. Nothing is fetched. Raises DrawingError.
    """
    import vl_convert

    fit = {"type": "fit", "contains": "padding"}
    whole = {"$schema": _SCHEMA, "config": CONFIG, "autosize": fit, "padding": 4, **spec}
    try:
        drawn = vl_convert.vegalite_to_svg(
            whole, vl_version=_VERSION, show_warnings=False, allowed_base_urls=[]
        )
    except ValueError as problem:
        raise DrawingError(str(problem).splitlines()[0]) from problem
    root = ET.fromstring(drawn)
    for element in root.iter():
        _clean(element, prefix)
    root.set("role", "img")
    root.set("aria-label", f"{title}: {text}")
    ET.register_namespace("", _SVG)
    return Markup(ET.tostring(root, encoding="unicode"))


def _clean(element: Any, prefix: str) -> None:
    """Labels of marks become tooltips; other roles go, the drawing as a whole is one image; ids become the page's own."""
    label = element.get("aria-label")
    if label and element.get("aria-roledescription") not in ("axis", "legend", "title"):
        tooltip = ET.Element(f"{{{_SVG}}}title")
        tooltip.text = label
        element.insert(0, tooltip)
    for name in _ARIA:
        element.attrib.pop(name, None)
    for name, value in element.attrib.items():
        if name == "id":
            element.set(name, prefix + value)
        elif "url(#" in value:
            element.set(name, _REFERENCE.sub(rf"url(#{prefix}\1)", value))
