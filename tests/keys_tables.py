"""A table of signing keys for one test, in moto or in the emulator."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lambdas.core.stores.signing_keys import KEY, SigningKeysTable


@contextmanager
def keys_table(dynamodb: Any, name: str = "test-signing-keys") -> Iterator[SigningKeysTable]:
    """Make an empty table, and delete it at the end."""
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    try:
        yield SigningKeysTable(dynamodb, name)
    finally:
        dynamodb.delete_table(TableName=name)
