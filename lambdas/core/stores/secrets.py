"""Secrets Manager: the text of one secret."""

from lambdas.core.clients import secrets_manager


def read_secret(name: str) -> str:
    """Return the secret's current text; a secret that was never given one is empty."""
    client = secrets_manager()
    try:
        return client.get_secret_value(SecretId=name)["SecretString"]
    except client.exceptions.ResourceNotFoundException:
        # Made by its stack without a value, which is put in later: no key opens nothing.
        return ""
