"""Patches to the emulator's modules: each names what it replaces, and fails where that is not there."""

from typing import Any

from infra.local.errors import LocalStackError


class PatchError(LocalStackError):
    """The installed emulator is not the one that the patches were made for."""


def original(module: Any, name: str) -> Any:
    """Return what ``module`` calls ``name``, before it is replaced.

    Raises:
        PatchError: it has nothing of that name.
    """
    if not hasattr(module, name):
        raise PatchError(f"expected {module.__name__}.{name} in the emulator but this version has none")
    return getattr(module, name)
