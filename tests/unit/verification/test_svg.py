from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_core.verification.svg import Canvas, Scale, nice_ticks


@pytest.mark.parametrize(
    ("value", "place"), [(0, 10), (5, 60), (10, 110), (-1, 10), (99, 110)]
)
def test_a_scale_is_even_and_stops_at_its_ends(value: float, place: float) -> None:
    assert Scale(low=0, high=10, start=10, end=110)(value) == place


def test_equal_ratios_get_equal_distances() -> None:
    scale = Scale(low=1, high=100, start=0, end=2, is_log=True)
    assert [scale(value) for value in (1, 10, 100)] == pytest.approx([0, 1, 2])
    assert scale(0) == 0


def test_a_scale_without_width_puts_everything_in_the_middle() -> None:
    assert Scale(low=3, high=3, start=0, end=10)(3) == 5


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 1.0, [0.0, 0.25, 0.5, 0.75, 1.0]),
        (-4.2, 0.0, [-4.0, -2.0, 0.0]),
        (-0.03, 0.03, [-0.02, 0.0, 0.02]),
        (0.0, 0.0, [0.0]),
    ],
)
def test_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert nice_ticks(low, high) == ticks


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 9))
def test_ticks_lie_between_the_ends_and_are_not_too_many(
    low: float, width: float, count: int
) -> None:
    ticks = nice_ticks(low, low + width, count=count)
    assert ticks == sorted(set(ticks))
    assert len(ticks) <= count
    slack = 1e-6 * max(1.0, abs(low) + width)
    assert all(low - slack <= tick <= low + width + slack for tick in ticks)


def test_a_picture_is_read_out_and_has_no_colours_of_its_own() -> None:
    canvas = Canvas(100, 50.5, title="A <title>", text="What it shows.")
    canvas.line((0, 0), (1, 1), "grid")
    canvas.box(1, 2, (-3, 4), "usual")
    canvas.dot(1.25, 2, "a b")
    canvas.diamond(5, 5, "c", radius=1)
    canvas.path([(0, 0), (1.5, 2)], "line")
    canvas.area([(0, 0), (1, 2), (2, 0)], "band")
    canvas.text(1, 2, "<b>", "tick", anchor="end")
    root = ET.fromstring(canvas.drawn())  # noqa: S314 - our own drawing
    assert root.attrib["aria-label"] == "A <title>. What it shows."
    assert (root.attrib["role"], root.attrib["viewBox"]) == ("img", "0 0 100 50.5")
    line, box, dot, diamond, path, area, text = list(root)
    assert [item.attrib["class"] for item in root][2] == "a b"
    assert line.tag.endswith("line")
    assert (box.attrib["width"], box.attrib["height"]) == ("0", "4")
    assert dot.attrib["cx"] == "1.2"
    assert diamond.attrib["points"] == "5,4 6,5 5,6 4,5"
    assert path.attrib["points"] == "0,0 1.5,2"
    assert area.attrib["points"] == "0,0 1,2 2,0"
    assert (text.text, text.attrib["text-anchor"]) == ("<b>", "end")
    assert not {"fill", "stroke", "style"} & {
        key for item in root for key in item.attrib
    }
