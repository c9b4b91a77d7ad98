"""Backfill: draw the requested variants of each image that S3 Batch Operations names, unless they exist.

It raises nothing: every task gets a result, which S3 Batch Operations counts, retries and reports.
"""

from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.backfill.draw_missing import Stores, draw_missing
from lambdas.core.aws_errors import is_temporary
from lambdas.core.batch_invocation import (
    MalformedTaskError,
    Result,
    ResultCode,
    format_response,
    parse_before,
    parse_task,
    parse_variants,
)
from lambdas.core.clients import dynamodb, s3
from lambdas.core.environment import DerivativesBucketName, Environment, ImagesTableName
from lambdas.core.observability import LambdaContext, count, logger, observed
from lambdas.core.settings import Settings, load_settings
from lambdas.core.stores.derivatives import DerivativeStore
from lambdas.core.stores.images import ImagesTable
from lambdas.core.stores.originals import read_original

_SPARE_SECONDS = 5.0  # left to record what was drawn, and to answer, before the function's own timeout

_METRICS: dict[ResultCode, str] = {
    "Succeeded": "backfill_succeeded",
    "TemporaryFailure": "backfill_failed_for_now",
    "PermanentFailure": "backfill_failed",
}


class Variables(Environment):
    """Environment variables of backfill."""

    derivatives_bucket: DerivativesBucketName
    images_table: ImagesTableName


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Process the tasks of one invocation; S3 Batch Operations sends one."""
    tasks = event.get("tasks") if isinstance(event, dict) else None
    results = []
    for task in tasks if isinstance(tasks, list) else []:
        left = context.get_remaining_time_in_millis() / 1000 - _SPARE_SECONDS
        result = _result(event, task, left)
        count(_METRICS[result.code])
        results.append((str(task.get("taskId", "")) if isinstance(task, dict) else "", result))
    return format_response(event, results)


def _result(event: dict[str, Any], task: Any, left: float) -> Result:
    try:
        settings, job = load_settings(), event.get("job")
        arguments = job.get("userArguments") if isinstance(job, dict) else None
        variants, before = parse_variants(arguments, settings), parse_before(arguments)
        return draw_missing(parse_task(task), variants, _stores(settings), settings, seconds=left, before=before)
    except MalformedTaskError as error:
        return Result(code="PermanentFailure", text=str(error))
    except ClientError as error:
        logger.warning("Refused by a store", extra={"reason": str(error)})
        return Result(code="TemporaryFailure" if is_temporary(error) else "PermanentFailure", text=str(error))
    except BotoCoreError as error:
        logger.warning("No answer from a store", extra={"reason": str(error)})
        return Result(code="TemporaryFailure", text=str(error))
    except Exception as error:  # a defect of ours: the job continues, and its report shows it
        logger.exception("Backfill failed")
        return Result(code="TemporaryFailure", text=f"{type(error).__name__}: {error}")


def _stores(settings: Settings) -> Stores:
    variables = Variables.read()
    return Stores(
        images=ImagesTable(dynamodb(), variables.images_table),
        derivatives=DerivativeStore(s3(), variables.derivatives_bucket, settings),
        read_original=partial(read_original, s3()),
    )
