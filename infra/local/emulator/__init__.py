"""MiniStack, the emulator of AWS, started safely and made as strict as AWS where handlers depend on it."""
