"""Run the edge: ``python -m infra.local.cloudfront``, its environment as in :class:`EdgeEnvironment`."""

import gc
import logging
import sys
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import Field, HttpUrl, SecretStr

from infra.local.cloudfront.access_log import LogWriter
from infra.local.cloudfront.cache import DEFAULT_SIZE_BYTES, ResponseCache
from infra.local.cloudfront.deployed import read_distribution
from infra.local.cloudfront.distribution import UnsupportedDistributionError
from infra.local.cloudfront.edge import Edge
from infra.local.cloudfront.edge_lambda import EdgeLambda
from infra.local.cloudfront.functions import FunctionRuntime
from infra.local.cloudfront.origins import OriginAccess, Origins, S3Fetcher
from infra.local.cloudfront.server import EdgeServer
from infra.local.cloudfront.upkeep import Upkeep
from infra.local.endpoint import HOST, Endpoint
from infra.local.guard import TOKEN_VARIABLE
from lambdas.core.environment import Environment
from lambdas.core.settings import EDGE_REGION, Settings, load_settings
from operations.keys.edge_key_store import EdgeKeyStore

_SECONDS_TO_END = 5


class EdgeEnvironment(Environment):
    """The environment of ``python -m infra.local.cloudfront``."""

    endpoint_url: HttpUrl = Field(alias="AWS_ENDPOINT_URL", description="The emulator.")
    region: str = Field("us-east-1", alias="AWS_REGION", description="The primary region.")
    access_key: str = Field(alias="AWS_ACCESS_KEY_ID")
    secret_key: SecretStr = Field(alias="AWS_SECRET_ACCESS_KEY")
    token: SecretStr = Field(alias=TOKEN_VARIABLE, description="Opens the operator's paths.")
    home: Path = Field(alias="DARKROOM_HOME", description="The state folder; the cache is in it.")
    port: int = Field(4580, alias="DARKROOM_EDGE_PORT", ge=1, le=65535, description="TCP port on loopback.")
    cache_bytes: int = Field(
        DEFAULT_SIZE_BYTES, alias="DARKROOM_EDGE_CACHE_BYTES", ge=1_000_000, description="Bound of the cache."
    )

    @property
    def endpoint(self) -> Endpoint:
        """The emulator, for AWS clients."""
        port = urlsplit(str(self.endpoint_url)).port or 80
        return Endpoint(port, self.region, self.access_key, self.secret_key.get_secret_value())

    def cache_folder(self, distribution_id: str) -> Path:
        """Return the folder of a distribution's cache."""
        return self.home / "cache" / distribution_id


def build_server(environment: EdgeEnvironment, settings: Settings) -> EdgeServer:
    """Build the server for the deployed distribution.

    Raises:
        ClientError: the distribution or its log's bucket is not deployed.
        UnsupportedDistributionError: the distribution needs what this edge does not support.
    """
    endpoint = environment.endpoint
    cloudfront = endpoint.client("cloudfront")

    key_values = endpoint.client("cloudfront-keyvaluestore", EDGE_REGION)

    @cache
    def key_store(arn: str) -> EdgeKeyStore:
        return EdgeKeyStore(key_values, arn)

    def list_keys(arn: str) -> dict[str, str]:
        return key_store(arn).read()

    distribution = read_distribution(cloudfront, list_keys, _parameter(endpoint, settings, "distribution-id"))
    s3 = endpoint.client("s3")
    functions = FunctionRuntime(distribution.functions)
    access = OriginAccess(s3, distribution.arn)
    fetcher = S3Fetcher(endpoint.url, endpoint.credentials, access)
    responses = ResponseCache(
        environment.cache_folder(distribution.distribution_id), environment.cache_bytes, distribution.tag_header
    )
    edge = Edge(
        distribution, functions, responses, Origins(fetcher, EdgeLambda(endpoint.client("lambda", EDGE_REGION)))
    )
    log = LogWriter(s3, _parameter(endpoint, settings, "logs-bucket"), distribution.distribution_id)
    stores = {name: code.store_arn for name, code in distribution.functions.items() if code.store_arn}
    upkeep = Upkeep(
        cloudfront,
        list_keys,
        distribution.distribution_id,
        responses,
        functions,
        stores,
    )
    return EdgeServer(edge, functions, fetcher, log, upkeep, environment.token.get_secret_value())


def main() -> None:
    """Serve until SIGTERM or SIGINT; write the rest of the access log before the end."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    environment = EdgeEnvironment.read()
    try:
        server = build_server(environment, load_settings())
    except (BotoCoreError, ClientError, UnsupportedDistributionError) as error:
        sys.exit(f"expected a deployed distribution but: {error}")
    # Everything loaded by now stays; the garbage collector skips it while viewers wait.
    gc.collect()
    gc.freeze()
    uvicorn.run(
        server.application(),
        host=HOST,
        port=environment.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        proxy_headers=False,  # a viewer's address is the connection's, as in CloudFront's log
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=_SECONDS_TO_END,
    )


def _parameter(endpoint: Endpoint, settings: Settings, thing: str) -> str:
    reply = endpoint.client("ssm", EDGE_REGION).get_parameter(Name=settings.parameter_name(thing))
    return str(reply["Parameter"]["Value"])


if __name__ == "__main__":
    main()
