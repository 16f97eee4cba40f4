"""Places: of entries in a YAML file, so that an error points at the line; of sources.

A path of the data map never leads up, and with a ``root`` never out of it, not even
through a link.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError

from unlearn_core.errors import InvalidDataMapError

TWICE = "an entry is there twice"

_BY_URL = frozenset({"s3", "sql"})
_BY_PATH = frozenset({"csv", "dataset", "jsonl", "mail", "parquet"})


class _Loader(yaml.SafeLoader):
    """Reads YAML in which nothing is said twice: one of both would not count."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:  # noqa: ANN401 - as it is called
        """Return an entry as it is written, before another one is merged into it."""
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise ComposerError(problem=TWICE, problem_mark=key.start_mark)
            seen.add(str(key.value))
        return node


def read_yaml(text: str) -> Any:  # noqa: ANN401 - whatever stands there
    """Return what a YAML file says.

    Raises:
        YAMLError: It is none, or an entry of it is there `TWICE`.
    """
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def located(
    path: str | None, url: str | None, root: Path | None, *, kind: str, source: str
) -> str:
    """Return where a source is.

    Args:
        path: Its path as it is written, if there is one.
        url: Its address, if there is one.
        root: What a path is relative to and may not lead out of, if there is such a
            place.
        kind: Kind of connector; of those that come with us, each has one of both.
        source: Name of the source.

    Raises:
        InvalidDataMapError: There is none, or the wrong one; the path is no path, or
            leads up or out of the root.
    """
    wrong, is_wrong = ("path", path) if kind in _BY_URL else ("url", url)
    if is_wrong is not None and (kind in _BY_URL | _BY_PATH or path is not None):
        raise InvalidDataMapError(source=source, problem=wrong)
    if path is not None:
        return _below(path, root, source=source)
    if url is None:
        raise InvalidDataMapError(source=source, missing="path or url")
    return url


def _below(path: str, root: Path | None, *, source: str) -> str:
    if not path or "\0" in path:
        raise InvalidDataMapError(source=source, problem="path")
    if ".." in Path(path).parts:
        raise InvalidDataMapError(source=source, leads_up=path)
    if root is None:
        return path
    whole = root / path
    if not whole.resolve().is_relative_to(root.resolve()):
        raise InvalidDataMapError(source=source, leads_out_of_root=path)
    return str(whole)


def line_of(text: str, path: Iterable[str | int]) -> int:
    """Return the line of an entry, counted from 1.

    Parts of the path that the file does not have are passed over, so what is missing
    is reported at the entry that lacks it.
    """
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    line = 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = [pair for pair in node.value if pair[0].value == part]
            if found:
                line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def line_of_fault(text: str, *, source: str | None, value: str | None) -> int:
    """Return the line of a value inside a source, or where the source begins.

    Args:
        text: The data map.
        source: Name of the source; the whole file is meant if there is none.
        value: A key or a plain text to look for.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    node = root if source is None else _source(root, source) or root
    for item in _nodes(node):
        if isinstance(item, yaml.ScalarNode) and item.value == value:
            return int(item.start_mark.line) + 1
    return int(node.start_mark.line) + 1 if node else 1


def _source(root: yaml.Node | None, name: str) -> yaml.Node | None:
    """Return the entry that has this name."""
    for node in _nodes(root):
        if isinstance(node, yaml.MappingNode) and any(
            key.value == "name" and value.value == name for key, value in node.value
        ):
            return node
    return None


def _nodes(node: yaml.Node | None) -> Iterable[yaml.Node]:
    """Yield a node and everything in it, in the order of the file."""
    if node is None:
        return
    yield node
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _nodes(key)
            yield from _nodes(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _nodes(item)
