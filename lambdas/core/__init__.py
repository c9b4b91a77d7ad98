"""What functions and operations share: settings, keys, messages, stores, tokens, takedown."""
