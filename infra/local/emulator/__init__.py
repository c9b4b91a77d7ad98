"""MiniStack, the emulator of AWS, as strict as AWS where handlers depend on it."""
