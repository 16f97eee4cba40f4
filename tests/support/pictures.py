"""Pictures of pages for the documents: small, and only where they are asked for."""

import io
import os
from pathlib import Path

from PIL import Image, ImageOps
from playwright.sync_api import Page

FOLDER = "JOURNEY_PICTURES"
"""Variable with the folder that pictures go to; without it none is taken."""

COLOURS, MARGIN = 48, 24
WIDTH, LOWEST, HIGHEST = 1100, 300, 1500
PAINT_MILLISECONDS = 500.0


def take_picture(page: Page, name: str, *, part: str = "body") -> None:
    """Take a picture of a page as high as it is, if pictures are wanted.

    Args:
        page: The page.
        name: Name of the file, without its ending.
        part: Selects what is seen.
    """
    folder = os.environ.get(FOLDER)
    if folder is None:
        return
    kept = page.viewport_size
    height = LOWEST if part == "body" else HIGHEST
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.wait_for_timeout(PAINT_MILLISECONDS)
    taken = Image.open(io.BytesIO(page.locator(part).screenshot()))
    seen = taken.convert("RGB").crop((0, 0, taken.width, min(taken.height, HIGHEST)))
    if part != "body":
        seen = ImageOps.expand(seen, border=MARGIN, fill="white")
    small = seen.quantize(COLOURS, dither=Image.Dither.NONE)
    Path(folder).mkdir(parents=True, exist_ok=True)
    small.save(Path(folder) / f"{name}.png", optimize=True)
    if kept is not None:
        page.set_viewport_size(kept)
