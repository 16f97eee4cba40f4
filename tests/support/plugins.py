"""All registries, and a third party's package as a package manager installs it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from unlearn_core.adapters.connectors import CONNECTORS
from unlearn_core.domain.families import FAMILIES
from unlearn_core.domain.rewording import PARAPHRASERS
from unlearn_core.metrics import METRICS
from unlearn_core.objectives import FORGET_OBJECTIVES, RETAIN_TERMS
from unlearn_core.registry import Registry
from unlearn_core.training.combinations import COMBINATIONS
from unlearn_core.training.masks import MASKS
from unlearn_core.training.optimizers import OPTIMIZERS
from unlearn_core.training.schemes import SCHEMES

REGISTRIES: tuple[Registry[Any], ...] = (
    SCHEMES,
    FORGET_OBJECTIVES,
    RETAIN_TERMS,
    OPTIMIZERS,
    MASKS,
    COMBINATIONS,
    METRICS,
    CONNECTORS,
    FAMILIES,
    PARAPHRASERS,
)

Groups = Mapping[str, Mapping[str, str]]
"""For every entry-point group, names with their targets."""

Installer = Callable[[str, Groups], None]
"""Installs a module of this source; groups say what of it is registered as what."""


def install(
    folder: Path,
    *,
    name: str,
    source: str,
    entry_points: Groups,
) -> None:
    """Write a module and the metadata that announces its entry points.

    Args:
        folder: A folder on the import path.
        name: Name of package and module.
        source: Text of the module.
        entry_points: For every group, names with their targets.
    """
    (folder / f"{name}.py").write_text(source)
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    )
    lines: list[str] = []
    for group, points in entry_points.items():
        lines.append(f"[{group}]")
        lines += [f"{point} = {target}" for point, target in points.items()]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
