"""Memory of a process that draws thousands of pictures."""
