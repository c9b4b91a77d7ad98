"""Pictures put into a lane of a running local stack, and the wait for what becomes of them."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from infra.local.stack import LocalStack
from lambdas.core.keys import OriginalKey, new_image_id

_PUTS_AT_ONCE = 4
_PATIENCE_SECONDS = 600.0
_POLL_SECONDS = 0.05


class Intake:
    """One tenant's way in."""

    def __init__(self, stack: LocalStack, tenant: str) -> None:
        self.tenant = tenant
        self._s3, self._database = stack.client("s3"), stack.client("dynamodb")
        self._bucket, self._table = stack.parameter("originals-bucket"), stack.parameter("images-table")

    def put(self, photographs: Sequence[Path]) -> list[str]:
        """Put each of ``photographs`` as an upload of its own, and return the image ids."""
        keys = [
            OriginalKey(self.tenant, datetime.now(UTC).date(), new_image_id(tenant=self.tenant)) for _ in photographs
        ]

        def put_one(key: OriginalKey, photograph: Path) -> None:
            self._s3.put_object(Bucket=self._bucket, Key=str(key), Body=photograph.read_bytes(), IfNoneMatch="*")

        with ThreadPoolExecutor(_PUTS_AT_ONCE) as threads:
            list(threads.map(put_one, keys, photographs))
        return [key.image_id for key in keys]

    def ready(self, image_ids: Sequence[str]) -> set[str]:
        """Return which of ``image_ids`` are ready.

        Raises:
            RuntimeError: one was rejected, which no photograph of a benchmark should be.
        """
        found = set()
        for start in range(0, len(image_ids), 100):
            keys = [{"image_id": {"S": image_id}} for image_id in image_ids[start : start + 100]]
            names = {"#state": "state"}
            wanted = {"Keys": keys, "ProjectionExpression": "image_id, #state", "ExpressionAttributeNames": names}
            request = {self._table: wanted}
            for item in self._database.batch_get_item(RequestItems=request)["Responses"][self._table]:
                state = item["state"]["S"]
                if state not in ("expected", "processing", "ready"):
                    raise RuntimeError(f"expected {item['image_id']['S']} to become ready but received {state}")
                if state == "ready":
                    found.add(item["image_id"]["S"])
        return found

    def await_ready(self, image_ids: Sequence[str]) -> None:
        """Wait until all of ``image_ids`` are ready.

        Raises:
            TimeoutError: they are not, after ten minutes.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (ready := len(self.ready(image_ids))) < len(image_ids):
            if time.monotonic() > deadline:
                raise TimeoutError(f"expected {len(image_ids)} ready pictures but received {ready}")
            time.sleep(_POLL_SECONDS)

    def seconds(self, photographs: Sequence[Path]) -> float:
        """Return how many seconds pass from the first put to the last outcome."""
        began = time.perf_counter()
        self.await_ready(self.put(photographs))
        return time.perf_counter() - began
