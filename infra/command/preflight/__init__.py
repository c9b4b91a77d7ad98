"""``darkroom preflight``: what can be checked by API before a deployment, each finding with its way out."""
