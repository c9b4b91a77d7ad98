"""Who may do what: keys, scopes, and the tokens made with them; no AWS."""
