"""Who may do what: signing keys, tokens made with them, and what a token grants; no AWS."""
