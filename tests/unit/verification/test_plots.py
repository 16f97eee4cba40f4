import struct
import zlib
from dataclasses import replace
from functools import cache
from io import BytesIO

import matplotlib.image
import numpy as np
from support.evidence import complete_evidence, evidence, score
from support.verdicts import gate, policy

from unlearn_core.domain.datasets import Group
from unlearn_core.metrics.base import Evidence
from unlearn_core.verification.plots import draw_plots
from unlearn_core.verification.suite import judge_evidence

POLICY = policy(gate("high_entropy_leakage"), gate("two_sided_p"), gate("retain_shift"))
COMPLETE = complete_evidence()


@cache
def pictures(found: Evidence) -> dict[str, bytes]:
    return draw_plots(judge_evidence(found, policy=POLICY), policy=POLICY)


def chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """Return the chunks of a PNG file after checking every checksum."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    found, place = [], 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        body = png[place + 4 : place + 8 + length]
        (checksum,) = struct.unpack(">I", png[place + 8 + length : place + 12 + length])
        assert zlib.crc32(body) == checksum
        found.append((body[:4], body[4:]))
        place += 12 + length
    return found


def test_both_pictures_are_whole_and_show_something() -> None:
    drawn = pictures(COMPLETE)
    assert sorted(drawn) == ["gates.png", "likelihoods.png"]
    for png in drawn.values():
        assert chunks(png)[-1][0] == b"IEND"
        pixels = matplotlib.image.imread(BytesIO(png))
        assert pixels.shape[0] > 100
        assert pixels.shape[1] > 500
        assert len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) > 10


def test_the_pictures_name_nobody() -> None:
    """Neither in text chunks, nor does a name change a single pixel."""
    named = replace(
        COMPLETE,
        before=tuple(replace(item, ref=f"Ada {item.ref}") for item in COMPLETE.before),
        after=tuple(replace(item, ref=f"Ada {item.ref}") for item in COMPLETE.after),
    )
    drawn = pictures(named)
    assert drawn == pictures(COMPLETE)
    for png in drawn.values():
        text = [
            body for kind, body in chunks(png) if kind in {b"tEXt", b"iTXt", b"zTXt"}
        ]
        assert all(body.startswith(b"Software\0Matplotlib") for body in text)


def test_what_is_measured_changes_the_picture() -> None:
    worse = tuple(
        replace(item, mean_log_prob=-0.1) if item.group is Group.SUBJECT else item
        for item in COMPLETE.after
    )
    changed = pictures(replace(COMPLETE, after=worse))
    for name, png in pictures(COMPLETE).items():
        assert changed[name] != png


def test_a_missing_group_leaves_a_gap() -> None:
    partial = replace(
        COMPLETE,
        after=tuple(item for item in COMPLETE.after if item.group is not Group.CONTROL),
    )
    assert pictures(partial)["likelihoods.png"] != pictures(COMPLETE)["likelihoods.png"]


def test_one_person_is_enough_for_a_picture() -> None:
    assert len(pictures(evidence(score()))) == 2
