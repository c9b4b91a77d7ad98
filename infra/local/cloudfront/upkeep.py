"""Keeps a running edge up to date: invalidations, and changed keys of its functions."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.cloudfront.cache import ResponseCache
from infra.local.cloudfront.deployed import ListKeys
from infra.local.cloudfront.functions import FunctionError, FunctionRuntime

POLL_SECONDS = 0.5

logger = logging.getLogger(__name__)


class Upkeep:
    """Polls CloudFront's API for what AWS pushes to its edges."""

    def __init__(
        self,
        cloudfront: Any,
        list_keys: ListKeys,
        distribution_id: str,
        cache: ResponseCache,
        functions: FunctionRuntime,
        stores: Mapping[str, str],
    ) -> None:
        """``stores`` are the ARNs of key-value stores by the names of the functions that read them."""
        self._cloudfront = cloudfront
        self._list_keys = list_keys
        self._distribution_id = distribution_id
        self._cache = cache
        self._functions = functions
        self._stores = stores
        self._done: set[str] = set()

    async def run(self) -> None:
        """Poll until cancelled; failures are logged and retried."""
        while True:
            await self.once()
            await asyncio.sleep(POLL_SECONDS)

    async def once(self) -> None:
        """Apply what is new."""
        try:
            await asyncio.to_thread(self._invalidate)
            for name, arn in self._stores.items():
                await self._functions.put_keys(name, await asyncio.to_thread(self._list_keys, arn))
        except (BotoCoreError, ClientError, FunctionError) as error:
            logger.warning("upkeep: expected CloudFront's API to response but: %s", error)

    def _invalidate(self) -> None:
        pages = self._cloudfront.get_paginator("list_invalidations").paginate(DistributionId=self._distribution_id)
        found = [item["Id"] for page in pages for item in page["InvalidationList"].get("Items") or []]
        for invalidation_id in reversed([found_id for found_id in found if found_id not in self._done]):
            order = self._cloudfront.get_invalidation(DistributionId=self._distribution_id, Id=invalidation_id)
            invalidation = order["Invalidation"]
            patterns = invalidation["InvalidationBatch"]["Paths"].get("Items") or []
            created: datetime = invalidation["CreateTime"]
            # CreateTime is in whole seconds: responses kept within the same second are dropped too.
            dropped = self._cache.invalidate(patterns, kept_before=created.timestamp() + 1)
            logger.info("invalidation %s: %d responses dropped", invalidation_id, dropped)
            self._done.add(invalidation_id)
