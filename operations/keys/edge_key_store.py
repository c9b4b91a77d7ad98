"""The CloudFront KeyValueStore that holds the image-token keys the edge accepts."""

import ipaddress
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest
    from mypy_boto3_cloudfront_keyvaluestore import CloudFrontKeyValueStoreClient

_ATTEMPTS = 5


class KeyChanges(NamedTuple):
    """Ids of the keys that were added and removed."""

    added: list[str]
    removed: list[str]


class EdgeKeyStore:
    """One store, by its ARN."""

    def __init__(self, client: "CloudFrontKeyValueStoreClient", arn: str) -> None:
        # The service's endpoint rules prefix the account id to the host, which an IP address cannot take.
        client.meta.events.register("before-send.cloudfront-keyvaluestore", _send_to_address)
        self._client = client
        self._arn = arn

    def read(self) -> dict[str, str]:
        """Return every pair.

        Raises:
            ClientError: the store cannot be read.
        """
        pages = self._client.get_paginator("list_keys").paginate(KvsARN=self._arn)
        return {item["Key"]: item["Value"] for page in pages for item in page.get("Items", [])}

    def replace(self, wanted: Callable[[], Mapping[str, str]]) -> KeyChanges:
        """Replace the contents by what ``wanted`` returns, in one update; return what changed.

        It is asked once the store's version is known, and again if the store was written meanwhile: older contents
        never replace newer ones.

        Raises:
            ClientError: it cannot be read or written, or is written all the time.
        """
        for _ in range(_ATTEMPTS - 1):
            with suppress(self._client.exceptions.ConflictException):
                return self._replace(wanted)
        return self._replace(wanted)

    def _replace(self, wanted_now: Callable[[], Mapping[str, str]]) -> KeyChanges:
        etag = self._client.describe_key_value_store(KvsARN=self._arn)["ETag"]
        held, wanted = self.read(), wanted_now()
        changed = {key: value for key, value in wanted.items() if held.get(key) != value}
        removed = sorted(set(held) - set(wanted))
        if changed or removed:
            self._client.update_keys(
                KvsARN=self._arn,
                IfMatch=etag,
                Puts=[{"Key": key, "Value": value} for key, value in sorted(changed.items())],
                Deletes=[{"Key": key} for key in removed],
            )
        return KeyChanges(sorted(changed), removed)


def _send_to_address(request: "AWSPreparedRequest", **_event: Any) -> None:
    url = urlsplit(request.url)
    account, _, host = (url.hostname or "").partition(".")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return
    signed_host = url.netloc
    request.headers["Host"] = signed_host
    request.url = urlunsplit(url._replace(netloc=url.netloc.removeprefix(f"{account}.")))
