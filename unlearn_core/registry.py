"""The one registry: names to plug-ins, lazily imported.

Built-ins are a literal table of ``name -> "module:attribute"``, so a reader can
grep for them and importing the table costs nothing. Third parties add entries
through entry points of the group that the registry names.
"""

import difflib
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Generic, TypeVar

T = TypeVar("T")


class UnknownNameError(LookupError):
    """A name is not registered; the text lists what is, and the nearest."""


class DuplicateNameError(ValueError):
    """A plug-in wants a name that is taken."""


class Registry(Generic[T]):
    """Plug-ins of one kind, found by name.

    Args:
        kind: What is registered, in the singular, for messages.
        group: Entry-point group that third parties use.
        builtins: Table of ``name -> "module:attribute"``; a module that begins with a
            dot is one of the package.
        package: The package that has such modules.

    Attributes:
        group: The entry-point group.

    Raises:
        DuplicateNameError: An installed plug-in reuses a built-in name.
    """

    def __init__(
        self,
        *,
        kind: str,
        group: str,
        builtins: Mapping[str, str],
        package: str | None = None,
    ) -> None:
        self.group = group
        self._kind = kind
        self._package = package
        self._targets = dict(builtins)
        self._loaded: dict[str, T] = {}
        for point in entry_points(group=group):
            if point.name in self._targets:
                message = f"{kind} {point.name!r} is registered twice"
                raise DuplicateNameError(message)
            self._targets[point.name] = point.value

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._targets))

    def __contains__(self, name: object) -> bool:
        return name in self._targets

    def get(self, name: str) -> T:
        """Return the plug-in of this name, importing it on first use.

        Raises:
            UnknownNameError: The name is not registered.
        """
        if name not in self._targets:
            raise UnknownNameError(self._advice(name))
        if name not in self._loaded:
            path, _, attribute = self._targets[name].partition(":")
            module = import_module(path, self._package)
            self._loaded[name] = getattr(module, attribute)
        return self._loaded[name]

    def module_of(self, name: str) -> str:
        """Return the name of the module that defines a plug-in.

        Raises:
            UnknownNameError: The name is not registered.
        """
        if name not in self._targets:
            raise UnknownNameError(self._advice(name))
        return self._targets[name].partition(":")[0]

    def _advice(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._targets, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        known = ", ".join(self)
        return f"no {self._kind} is called {name!r}{hint} Registered: {known}"
