"""Lambda@Edge functions, invoked through the emulator's Lambda API."""

import asyncio
import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.cloudfront.exchange import ResultType


class EdgeLambdaError(RuntimeError):
    """A function gave no result; ``result_type`` is CloudFront's word for why."""

    def __init__(self, message: str, result_type: ResultType) -> None:
        super().__init__(message)
        self.result_type = result_type


class EdgeLambda:
    """Invokes numbered versions of functions."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def run(self, version_arn: str, event: dict[str, Any]) -> Any:
        """Return what the function returns for ``event``.

        Raises:
            EdgeLambdaError: it raised, is throttled, or cannot be invoked.
        """
        return await asyncio.to_thread(self._invoke, version_arn, json.dumps(event).encode())

    def _invoke(self, version_arn: str, event: bytes) -> Any:
        try:
            reply = self._client.invoke(FunctionName=version_arn, Payload=event)
        except ClientError as error:
            throttled = error.response["ResponseMetadata"]["HTTPStatusCode"] == 429
            raise EdgeLambdaError(str(error), "LambdaLimitExceeded" if throttled else "LambdaExecutionError") from error
        except BotoCoreError as error:
            raise EdgeLambdaError(str(error), "LambdaExecutionError") from error
        payload = reply["Payload"].read()
        if "FunctionError" in reply:
            raise EdgeLambdaError(payload.decode(errors="replace")[:2000], "LambdaExecutionError")
        try:
            return json.loads(payload)
        except ValueError as error:
            raise EdgeLambdaError(f"expected JSON but received {payload[:200]!r}", "LambdaValidationError") from error
