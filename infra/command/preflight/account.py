"""Checks of the account: its regions, the CDK's bootstrap, and Lambda's concurrency."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from infra.command.preflight.findings import Finding, Target, error_code
from lambdas.core.settings.lanes import UNRESERVED_CONCURRENCY

BOOTSTRAP_VERSION = 6  # what the CDK's templates require
_BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
CONCURRENCY_QUOTA = "L-B99A9384"


def regions(target: Target) -> Iterator[Finding]:
    """Find regions that are disabled; those that AWS enabled later than 2019 are, until someone enables them."""
    account = target.client("account", target.primary)
    for region in target.all_regions:
        status = account.get_region_opt_status(RegionName=region)["RegionOptStatus"]
        if status in ("ENABLED", "ENABLED_BY_DEFAULT"):
            yield Finding(f"Region {region}", "ok", status.lower().replace("_", " "))
        else:
            way_out = f"aws account enable-region --region-name {region}, then wait until it is enabled"
            yield Finding(f"Region {region}", "blocker", status.lower(), way_out)


def bootstrap(target: Target) -> Iterator[Finding]:
    """Find regions without the CDK's bootstrap, or with one that is too old."""
    for region in target.regions:
        subject = f"CDK bootstrap in {region}"
        ssm = target.client("ssm", region)
        try:
            version = int(ssm.get_parameter(Name=_BOOTSTRAP_PARAMETER)["Parameter"]["Value"])
        except ClientError as error:
            if error_code(error) != "ParameterNotFound":
                raise
            yield Finding(subject, "blocker", "missing", "make bootstrap")
            continue
        if version < BOOTSTRAP_VERSION:
            yield Finding(subject, "blocker", f"version {version}, needs {BOOTSTRAP_VERSION}", "make bootstrap")
        else:
            yield Finding(subject, "ok", f"version {version}")


def concurrency(target: Target) -> Iterator[Finding]:
    """Compare Lambda's quota with what the settings reserve, beside what others have reserved."""
    settings, subject = target.settings, "Lambda: concurrent executions"
    functions = target.client("lambda", target.primary)
    limit = functions.get_account_settings()["AccountLimit"]
    quota, unreserved = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
    growth = 0
    for name, executions in _in_lanes(target).items():
        if _held(functions, name) is None:  # lanes keep what they were tuned to
            growth += executions
    for function, executions in settings.function_reservations.items():
        if executions:
            growth += max(0, executions - (_held(functions, target.names.function(function)) or 0))
    needed = quota - unreserved + growth + UNRESERVED_CONCURRENCY
    if growth and needed > quota:  # AWS looks at what must stay unreserved when something is reserved
        way_out = (
            f"aws service-quotas request-service-quota-increase --service-code lambda --quota-code {CONCURRENCY_QUOTA}"
            f" --desired-value {max(needed, settings.lanes.account_concurrency)} --region {target.primary}, which takes"
            " days; or lower what lanes.reserved, lanes.shared_reserved_concurrency and backfill reserve"
        )
        message = (
            f"quota of {quota}, {quota - unreserved} reserved, {growth} to reserve, {UNRESERVED_CONCURRENCY} must stay"
        )
        yield Finding(subject, "blocker", message, way_out)
    elif quota < settings.lanes.account_concurrency:
        message = f"quota of {quota}, and lanes.account_concurrency says {settings.lanes.account_concurrency}"
        yield Finding(subject, "warning", message, f"set lanes.account_concurrency = {quota}, or request an increase")
    else:
        yield Finding(subject, "ok", f"quota of {quota}, {growth} to reserve")


def _in_lanes(target: Target) -> dict[str, int]:
    settings, names = target.settings, target.names
    return {
        names.function(function, lane): executions
        for lane in settings.lane_names
        for function, executions in settings.reserved_concurrency(lane).items()
    }


def _held(functions: object, name: str) -> int | None:
    try:
        found = functions.get_function_concurrency(FunctionName=name)  # type: ignore[attr-defined]
    except ClientError as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
        return None
    executions: int | None = found.get("ReservedConcurrentExecutions")
    return executions
