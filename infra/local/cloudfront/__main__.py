"""Run the edge: ``python -m infra.local.cloudfront``, its environment as in :class:`EdgeEnvironment`."""

import gc
import logging
import sys

import uvicorn
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.cloudfront.cache import AnswerCache
from infra.local.cloudfront.deployed import read_distribution
from infra.local.cloudfront.distribution import Distribution, UnsupportedDistributionError
from infra.local.cloudfront.edge import Edge
from infra.local.cloudfront.edge_lambda import EdgeLambda
from infra.local.cloudfront.environment import EdgeEnvironment
from infra.local.cloudfront.function import FunctionRuntime
from infra.local.cloudfront.key_value_store import list_keys
from infra.local.cloudfront.log_writer import LogWriter
from infra.local.cloudfront.origin_access import OriginAccess
from infra.local.cloudfront.origins import Origins
from infra.local.cloudfront.s3_origin import S3Fetcher
from infra.local.cloudfront.server import EdgeServer
from infra.local.cloudfront.upkeep import Upkeep
from infra.local.endpoint import ACCESS_KEY, HOST, SECRET_KEY, Endpoint
from lambdas.core.settings import EDGE_REGION, Settings, load_settings

_SECONDS_TO_END = 5


def build_server(environment: EdgeEnvironment, settings: Settings) -> EdgeServer:
    """Put the edge together for the distribution that is deployed.

    Raises:
        ClientError: the distribution or its log's bucket is not deployed.
        UnsupportedDistributionError: the distribution has what this edge does not do.
    """
    endpoint = environment.endpoint
    distribution = _deployed(endpoint, _parameter(endpoint, settings, "distribution-id"))
    s3 = endpoint.client("s3")
    functions = FunctionRuntime(distribution.functions)
    access = OriginAccess(s3, distribution.arn)
    fetcher = S3Fetcher(endpoint.url, Credentials(ACCESS_KEY, SECRET_KEY), access)
    cache = AnswerCache(
        environment.cache_folder(distribution.distribution_id), environment.cache_bytes, distribution.tag_header
    )
    edge = Edge(distribution, functions, cache, Origins(fetcher, EdgeLambda(endpoint.client("lambda", EDGE_REGION))))
    log = LogWriter(s3, _parameter(endpoint, settings, "logs-bucket"), distribution.distribution_id)
    stores = {name: code.store_arn for name, code in distribution.functions.items() if code.store_arn}
    upkeep = Upkeep(
        endpoint.client("cloudfront"),
        lambda arn: list_keys(endpoint, arn),
        distribution.distribution_id,
        cache,
        functions,
        stores,
    )
    return EdgeServer(edge, functions, fetcher, log, upkeep)


def main() -> None:
    """Serve until SIGTERM or SIGINT; what is not yet in the access log is written before the end."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    environment = EdgeEnvironment.read()
    try:
        server = build_server(environment, load_settings())
    except (BotoCoreError, ClientError, UnsupportedDistributionError) as error:
        sys.exit(f"expected a deployed distribution to serve but: {error}")
    # What is loaded by now stays to the end: no collection shall go through it while viewers wait.
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


def _deployed(endpoint: Endpoint, distribution_id: str) -> Distribution:
    return read_distribution(endpoint.client("cloudfront"), lambda arn: list_keys(endpoint, arn), distribution_id)


def _parameter(endpoint: Endpoint, settings: Settings, thing: str) -> str:
    reply = endpoint.client("ssm", EDGE_REGION).get_parameter(Name=settings.parameter_name(thing))
    return str(reply["Parameter"]["Value"])


if __name__ == "__main__":
    main()
