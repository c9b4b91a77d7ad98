"""CloudFront's limits of invalidations in progress, which the emulator does not have.

An invalidation is in progress for some time after it was created. Meanwhile a distribution takes 15 paths with a
wildcard and 3,000 other paths and tags, then answers TooManyInvalidationsInProgress: "Quotas on invalidations".
"""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from infra.local.emulator.patching import original

IN_PROGRESS_SECONDS = 30.0  # AWS names no time
WILDCARDS, OTHERS = 15, 3000
_DONE, _OPEN = "Completed", "InProgress"


def apply_patches() -> None:
    """Patch the emulator's modules in this process.

    Raises:
        PatchError: a patched name is not there.
    """
    from ministack.services import cloudfront

    create: Callable[[str, Any], Any] = original(cloudfront, "_create_invalidation")
    listed: Callable[[str], Any] = original(cloudfront, "_list_invalidations")
    shown: Callable[[str, str], Any] = original(cloudfront, "_get_invalidation")
    invalidations = original(cloudfront, "_invalidations")
    parse, find, refuse = (original(cloudfront, name) for name in ("_parse_body", "_find", "_error"))

    def in_progress(distribution_id: str) -> list[str]:
        """Return the items of the invalidations in progress, after having completed the older ones."""
        items = []
        for each in invalidations.get(distribution_id, []):
            age = time.time() - datetime.fromisoformat(each["CreateTime"]).timestamp()
            each["Status"] = _DONE if age >= IN_PROGRESS_SECONDS else _OPEN
            if each["Status"] == _OPEN:
                items += each["InvalidationBatch"]["Paths"]["Items"]
        return items

    def create_within_limits(distribution_id: str, body: Any) -> Any:
        batch = parse(body)
        paths = find(batch, "Paths") if batch is not None else None
        wanted = find(paths, "Items") if paths is not None else None
        asked = [child.text for child in (wanted if wanted is not None else ())]
        quantity = find(paths, "Quantity") if paths is not None else None
        if quantity is None or quantity.text != str(len(asked)):
            return refuse("InconsistentQuantities", "The value of Quantity and the size of Items do not match.", 400)
        if not all(item.startswith(("/", "#")) for item in asked):
            return refuse("InvalidArgument", "Your request contains one or more invalid invalidation paths.", 400)
        items = in_progress(distribution_id) + asked
        wildcards = sum(item.endswith("*") for item in items)
        if wildcards > WILDCARDS or len(items) - wildcards > OTHERS:
            message = (
                "Processing your request will cause you to exceed the maximum number of in-progress invalidations."
            )
            return refuse("TooManyInvalidationsInProgress", message, 400)
        answer = create(distribution_id, body)
        in_progress(distribution_id)
        return answer

    def list_with_status(distribution_id: str) -> Any:
        in_progress(distribution_id)
        return listed(distribution_id)

    def get_with_status(distribution_id: str, invalidation_id: str) -> Any:
        in_progress(distribution_id)
        return shown(distribution_id, invalidation_id)

    cloudfront._create_invalidation = create_within_limits
    cloudfront._list_invalidations = list_with_status
    cloudfront._get_invalidation = get_with_status
