"""The same stacks on one machine: an emulator, what it lacks, and the ``darkroom`` command."""
