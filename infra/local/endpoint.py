"""The emulator's address: AWS clients of it, sessions of IAM roles, and the environment that points SDKs at it."""

import os
import threading
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self
from urllib.parse import urlsplit

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials, DeferredRefreshableCredentials

ACCOUNT = "000000000000"
HOST = "127.0.0.1"

CLIENT_CONFIG = Config(
    inject_host_prefix=False,
    retries={"mode": "standard", "max_attempts": 4},
    connect_timeout=5,
    read_timeout=330,  # an Express execution may take 300 s
    max_pool_connections=64,
)

_CLIENTS = threading.Lock()
# Of every role's session: each would parse the SDK's data files again.
_DATA_FILES = botocore.loaders.create_loader()


@dataclass(frozen=True)
class Endpoint:
    """The emulator's address, for clients of any region, and the account's root credentials. It enforces IAM."""

    port: int
    region: str
    access_key: str
    secret_key: str = field(repr=False)

    @classmethod
    def from_environment(cls) -> Self:
        """Return the emulator that this process was started for, from the variables of :meth:`environment`.

        Raises:
            KeyError: one of them is not set.
            ValueError: the address names no port.
        """
        url = os.environ["AWS_ENDPOINT_URL"]
        port = urlsplit(url).port
        if port is None:
            raise ValueError(f"expected AWS_ENDPOINT_URL with a port but received {url!r}")
        environment = os.environ
        access_key, secret_key = environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
        return cls(port, environment["AWS_REGION"], access_key, secret_key)

    @property
    def url(self) -> str:
        """The base address of every AWS service."""
        return f"http://{HOST}:{self.port}"

    @property
    def credentials(self) -> Credentials:
        """The account's root credentials, for a request that is signed by hand."""
        return Credentials(self.access_key, self.secret_key)

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session(self.access_key, self.secret_key, region_name=self.region)

    @cached_property
    def _clients(self) -> dict[tuple[str, str], Any]:
        return {}

    def client(self, service: str, region: str | None = None) -> Any:
        """Return the boto3 client of ``service``, in the primary region unless another is named.

        Clients are made once, which takes tens of milliseconds each, and may be shared by threads.
        """
        key = (service, region or self.region)
        with _CLIENTS:  # a boto3 session may not be shared by threads
            if key not in self._clients:
                self._clients[key] = self._session.client(  # type: ignore[call-overload]
                    service, endpoint_url=self.url, region_name=key[1], config=CLIENT_CONFIG
                )
            return self._clients[key]

    def environment(self, athena_port: int | None = None, batch_port: int | None = None) -> dict[str, str]:
        """Return the environment variables by which AWS SDKs find the emulator.

        Args:
            athena_port: where Athena's SQL is translated; None leaves Athena to the emulator.
            batch_port: where the jobs of S3 Batch Operations are run; None leaves S3 Control to the emulator.
        """
        variables = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if athena_port is not None:
            variables["AWS_ENDPOINT_URL_ATHENA"] = f"http://{HOST}:{athena_port}"
        if batch_port is not None:
            # S3 Control's client writes "<account>." before the host: here that becomes part of a user name, which is
            # ignored.
            variables["AWS_ENDPOINT_URL_S3_CONTROL"] = f"http://account@{HOST}:{batch_port}"
        return variables


def assume_role(endpoint: Endpoint, role_arn: str, name: str) -> boto3.Session:
    """Return a session with the role's credentials, taken when first needed and renewed when they expire."""
    sts = endpoint.client("sts")

    def refresh() -> dict[str, Any]:
        credentials = sts.assume_role(RoleArn=role_arn, RoleSessionName=name)["Credentials"]
        return {
            "access_key": credentials["AccessKeyId"],
            "secret_key": credentials["SecretAccessKey"],
            "token": credentials["SessionToken"],
            "expiry_time": credentials["Expiration"].isoformat(),
        }

    session = botocore.session.get_session()
    session.register_component("data_loader", _DATA_FILES)
    # botocore has no public way to give a session credentials that renew themselves.
    session._credentials = DeferredRefreshableCredentials(refresh, "sts-assume-role")  # type: ignore[attr-defined]
    return boto3.Session(botocore_session=session, region_name=endpoint.region)


def role_client(endpoint: Endpoint, session: boto3.Session, service: str, region: str) -> Any:
    """Return a boto3 client of the emulator with the credentials of ``session``."""
    return session.client(  # type: ignore[call-overload]
        service, endpoint_url=endpoint.url, region_name=region, config=CLIENT_CONFIG
    )
