"""The same stacks on one machine: emulator, edge, pump and the ``darkroom`` command."""
