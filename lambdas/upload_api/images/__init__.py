"""Images: what became of each, how to show it, and how to take it down."""
