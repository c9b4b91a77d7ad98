"""Dead letters: messages that were tried as often as their queue allows, and their way back."""
