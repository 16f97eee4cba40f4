"""Installs a third party's package into a folder, as a package manager would."""

from pathlib import Path


def install(
    folder: Path, *, name: str, source: str, entry_points: dict[str, dict[str, str]]
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
