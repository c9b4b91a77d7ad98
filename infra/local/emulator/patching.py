"""Patches to the emulator's modules: each fails if what it replaces is missing."""

from typing import Any

from infra.local.errors import LocalStackError


class PatchError(LocalStackError):
    """The installed emulator is not the one that the patches were made for."""


def original(module: Any, name: str) -> Any:
    """Return the attribute ``name`` of ``module``, before it is replaced.

    Raises:
        PatchError: there is none.
    """
    if not hasattr(module, name):
        raise PatchError(f"expected {module.__name__}.{name} in the emulator but this version has none")
    return getattr(module, name)
