"""The few parts that pictures are drawn from: scales, ticks and SVG elements.

Pictures have no colours of their own: every element carries a class, and the page's
style sheet gives it a colour for light, for dark and for paper.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Maps values to places.

    Attributes:
        low: Value at `start`.
        high: Value at `end`.
        start: Place of the low end, in SVG units.
        end: Place of the high end.
        is_log: Whether equal ratios get equal distances; needs ``low > 0``.
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        """Return the place of a value; outside the ends it stays at the end."""
        low, high = self._bent(self.low), self._bent(self.high)
        share = (self._bent(value) - low) / (high - low) if high > low else 0.5
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)

    def _bent(self, value: float) -> float:
        return math.log(max(value, self.low)) if self.is_log else value


def nice_ticks(low: float, high: float, *, count: int = 5) -> list[float]:
    """Return round values between two ends, about as many as wanted.

    >>> nice_ticks(0.0, 1.0)
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    if high <= low:
        return [low]
    rough = (high - low) / max(1, count - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(item * power for item in NICE if item * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


class Canvas:
    """One picture.

    Args:
        width: Width in SVG units; the page scales it.
        height: Height.
        title: What the picture is, read out instead of it.
        text: What it shows, in a sentence or two.
    """

    def __init__(self, width: float, height: float, *, title: str, text: str) -> None:
        self._root = ET.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"0 0 {_number(width)} {_number(height)}",
                "role": "img",
                "aria-label": f"{title}. {text}",
            },
        )

    def line(
        self, start: tuple[float, float], end: tuple[float, float], kind: str
    ) -> None:
        """Draw a line between two places."""
        self._add("line", kind, x1=start[0], y1=start[1], x2=end[0], y2=end[1])

    def box(
        self, left: float, top: float, size: tuple[float, float], kind: str
    ) -> None:
        """Draw a rectangle of a width and a height."""
        width, height = size
        self._add("rect", kind, x=left, y=top, width=max(0.0, width), height=height)

    def dot(self, x: float, y: float, kind: str, *, radius: float = 3.0) -> None:
        """Draw a circle."""
        self._add("circle", kind, cx=x, cy=y, r=radius)

    def diamond(self, x: float, y: float, kind: str, *, radius: float = 7.0) -> None:
        """Draw a square that stands on a corner."""
        corners = [(x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y)]
        self._add("polygon", kind, points=_points(corners))

    def path(self, places: Sequence[tuple[float, float]], kind: str) -> None:
        """Draw a line through places."""
        self._add("polyline", kind, points=_points(places))

    def area(self, places: Sequence[tuple[float, float]], kind: str) -> None:
        """Fill the area between places."""
        self._add("polygon", kind, points=_points(places))

    def text(
        self, x: float, y: float, words: str, kind: str = "", *, anchor: str = "start"
    ) -> None:
        """Write words; the place is on the line they stand on."""
        place = {"x": _number(x), "y": _number(y), "text-anchor": anchor}
        ET.SubElement(self._root, "text", _classed(kind) | place).text = words

    def drawn(self) -> str:
        """Return the picture as SVG."""
        return ET.tostring(self._root, encoding="unicode")

    def _add(self, tag: str, kind: str, **places: float | str) -> None:
        attributes = {
            name: place if isinstance(place, str) else _number(place)
            for name, place in places.items()
        }
        ET.SubElement(self._root, tag, _classed(kind) | attributes)


def _classed(kind: str) -> dict[str, str]:
    return {"class": kind} if kind else {}


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in places)
