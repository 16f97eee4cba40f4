"""Faults of a file system that a test can cause for real, as root too."""

from pathlib import Path


def put_in_the_way(folder: Path) -> None:
    """Put a file where a folder is or should be."""
    if folder.exists():
        folder.rename(folder.with_name("elsewhere"))
    folder.touch()
