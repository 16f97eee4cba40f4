"""Pictures of pages for the documents: small, and only where they are asked for."""

import io
import os
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

FOLDER = "UNLEARN_PICTURES"
"""Variable with the folder that pictures go to; without it none is taken."""

COLOURS = 48
WIDTH, HEIGHT = 1100, 760


def take_picture(page: Page, name: str, *, whole: bool = False) -> None:
    """Take a picture of a page, if pictures are wanted.

    Args:
        page: The page.
        name: Name of the file, without its ending.
        whole: Whether the whole page is wanted, not only what a window shows.
    """
    folder = os.environ.get(FOLDER)
    if folder is None:
        return
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    taken = Image.open(io.BytesIO(page.screenshot(full_page=whole)))
    small = taken.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(Path(folder) / f"{name}.png", optimize=True)
