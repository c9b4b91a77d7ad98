"""A behavior's origins: the origin-request function before each of them, and the failover from one to the next."""

import dataclasses
import logging
from collections import Counter

from infra.local.cloudfront.cache_key import forwarded_headers, forwarded_query
from infra.local.cloudfront.distribution import Behavior, S3Origin
from infra.local.cloudfront.edge_lambda import EdgeLambda, EdgeLambdaError
from infra.local.cloudfront.exchange import (
    Answer,
    ResultType,
    ViewerRequest,
    error_page,
)
from infra.local.cloudfront.function_event import EventContext
from infra.local.cloudfront.origin_event import LambdaResultError, apply_to_origin, origin_request_event
from infra.local.cloudfront.s3_origin import S3Fetcher

logger = logging.getLogger(__name__)


class Origins:
    """Asks the origins of a behavior for what the cache has not."""

    def __init__(self, fetcher: S3Fetcher, lambdas: EdgeLambda) -> None:
        self._fetcher = fetcher
        self._lambdas = lambdas
        self.served: Counter[str] = Counter()
        """Answers of each origin that viewers were given, by the origin's id."""

    async def ask(
        self, behavior: Behavior, request: ViewerRequest, context: EventContext, conditions: dict[str, str]
    ) -> tuple[Answer, ResultType]:
        """Return the first origin's answer, or the next one's where its status is one to fail over on.

        Args:
            behavior: whose origins are asked, in order.
            request: what the viewer-request function made of the request.
            context: for the origin-request function's event.
            conditions: validators of what the cache has, stale.
        """
        # A HEAD is sent on as a GET, so that the cache is filled for both.
        asked = dataclasses.replace(request, method="GET")
        *first_ones, last = behavior.origins
        for origin in first_ones:
            answer, result_type = await self._ask_one(behavior, origin, asked, context, conditions)
            if result_type != "Error" or answer.status not in behavior.failover:
                return answer, result_type
            logger.warning("origin %s answered %d: failing over", origin.origin_id, answer.status)
        return await self._ask_one(behavior, last, asked, context, conditions)

    async def _ask_one(
        self,
        behavior: Behavior,
        origin: S3Origin,
        request: ViewerRequest,
        context: EventContext,
        conditions: dict[str, str],
    ) -> tuple[Answer, ResultType]:
        path, sent = request.path, forwarded_headers(behavior.cache, request)
        version = behavior.lambdas.get("origin-request")
        if version is not None:
            event = origin_request_event(context, request, origin, forwarded_query(behavior.cache, request), sent)
            try:
                decided = apply_to_origin(await self._lambdas.run(version, event), path, origin)
            except EdgeLambdaError as error:
                logger.warning("origin-request function: %s", error)
                return error_page(
                    503, "The Lambda function associated with the distribution failed."
                ), error.result_type
            except LambdaResultError as error:
                logger.warning("origin-request function: %s", error)
                return error_page(502, "The Lambda function returned an invalid result."), "LambdaValidationError"
            if isinstance(decided, Answer):
                return decided, "LambdaGeneratedResponse"
            path, origin = decided
        answer = await self._fetcher.fetch(origin, path, {**sent, **conditions})
        if answer.status < 400:
            self.served[origin.origin_id] += 1
        return answer, "Error" if answer.status >= 400 else "Miss"
