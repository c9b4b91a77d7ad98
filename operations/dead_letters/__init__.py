"""Dead letters: messages that a lane's queue gave up on, and how they are inspected, redriven or discarded."""
