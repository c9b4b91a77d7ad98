"""A table of signing keys: one item for each owner, whose version guards every write."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from lambdas.core.access.signing_keys import MalformedKeysError, SigningKeys

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY = "owner"
_READ_AT_ONCE = 100  # maximum of one BatchGetItem
_CREATED = 1


class KeysChangedError(Exception):
    """Someone else changed the keys of ``owner`` since they were read; nothing was written."""

    def __init__(self, owner: str) -> None:
        super().__init__(
            f"The keys of {owner} were changed by someone else meanwhile; nothing was written."
            " Look at them again, and repeat this if it is still wanted"
        )


class HeldKeys(NamedTuple):
    """An owner's keys, and the version of the item that holds them."""

    keys: SigningKeys
    version: int


class SigningKeysTable:
    """Signing keys by owner: a tenant's name, or IMAGE_TOKENS."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name

    def find(self, owner: str) -> HeldKeys | None:
        """Return an owner's keys as last written; None if it has none.

        Raises:
            MalformedKeysError: the item holds something else.
            ClientError: the table cannot be read; a retry may help.
        """
        answer = self._client.get_item(TableName=self._name, Key={KEY: {"S": owner}}, ConsistentRead=True)
        return _held(answer["Item"]) if "Item" in answer else None

    def replace(self, owner: str, keys: SigningKeys, version: int) -> HeldKeys:
        """Replace the ``version`` of an owner's keys that was read.

        Raises:
            KeysChangedError: the table has another version.
            ClientError: the table cannot be written; a retry may help.
        """
        return self._put(owner, keys, version + 1, {
            "ConditionExpression": "#version = :read",
            "ExpressionAttributeNames": {"#version": "version"},
            "ExpressionAttributeValues": {":read": {"N": str(version)}},
        })  # fmt: skip

    def create_missing(self, owners: Iterable[str]) -> list[str]:
        """Make a key for each of ``owners`` that has none; return the ids of the new keys, sorted.

        Raises:
            ClientError: the table cannot be read or written; a retry makes the rest.
        """
        made = []
        for owner in self._without_keys(sorted(set(owners))):
            try:
                created = self._put(owner, SigningKeys.made_for(owner), _CREATED, {
                    "ConditionExpression": "attribute_not_exists(#owner)",
                    "ExpressionAttributeNames": {"#owner": KEY},
                })  # fmt: skip
            except KeysChangedError:
                continue  # made by someone else meanwhile
            made.append(created.keys.signing)
        return made

    def _without_keys(self, owners: list[str]) -> list[str]:
        found: set[str] = set()
        for start in range(0, len(owners), _READ_AT_ONCE):
            wanted: Any = {
                self._name: {
                    "Keys": [{KEY: {"S": owner}} for owner in owners[start : start + _READ_AT_ONCE]],
                    "ProjectionExpression": "#owner",
                    "ExpressionAttributeNames": {"#owner": KEY},
                    "ConsistentRead": True,
                }
            }
            while wanted:
                answer = self._client.batch_get_item(RequestItems=wanted)
                found.update(item[KEY]["S"] for item in answer["Responses"].get(self._name, []))
                wanted = answer.get("UnprocessedKeys")
        return [owner for owner in owners if owner not in found]

    def _put(self, owner: str, keys: SigningKeys, version: int, condition: dict[str, Any]) -> HeldKeys:
        try:
            self._client.put_item(
                TableName=self._name,
                Item=_item(owner, keys, version),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **condition,
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            # The client repeats a write whose response was lost: it then meets its own item.
            if error.response.get("Item") != _item(owner, keys, version):
                raise KeysChangedError(owner) from None
        return HeldKeys(keys, version)


def _item(owner: str, keys: SigningKeys, version: int) -> dict[str, Any]:
    return {
        KEY: {"S": owner},
        "version": {"N": str(version)},
        "signing": {"S": keys.signing},
        "signing_since": {"S": keys.signing_since.isoformat()},
        "keys": {"M": {kid: {"B": key} for kid, key in keys.keys.items()}},
    }


def _held(item: dict[str, Any]) -> HeldKeys:
    try:
        fields = {name: item[name]["S"] for name in ("signing", "signing_since")}
        keys = {kid: value["B"] for kid, value in item["keys"]["M"].items()}
        version = int(item["version"]["N"])
    except (KeyError, TypeError, ValueError):
        # Not chained: the error of a lookup names no value, but one of int() would.
        raise MalformedKeysError(
            "expected an item with version, signing, signing_since and keys but received another"
        ) from None
    return HeldKeys(SigningKeys.parse({**fields, "keys": keys}), version)
