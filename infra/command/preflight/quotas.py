"""Check of the service quotas that grow with the number of pictures a day."""

from collections.abc import Iterator
from functools import partial

from botocore.exceptions import ClientError

from infra.command.preflight.findings import Finding, Target, error_code, run_check
from operations.costs.quotas import Need, needs
from operations.costs.workload import Pictures

_SPARE = 2  # cold starts, retries and larger pictures need more than the estimate


def quotas(target: Target, per_day: int) -> Iterator[Finding]:
    """Compare each quota with what ``per_day`` pictures need at their peak."""
    for need in needs(Pictures(per_day), target.settings):
        yield from run_check(f"Quota {need.quota}", partial(_compared, need=need), target)


def _compared(target: Target, need: Need) -> Iterator[Finding]:
    subject, needed = f"Quota {need.quota}", f"{need.needed:,.3g}" if need.needed < 1 else f"{need.needed:,.0f}"
    if need.code is None:
        if need.needed * _SPARE > need.default:
            message = f"needs {needed}; the default is {need.default:,.0f}, and AWS shows yours nowhere"
            yield Finding(subject, "not checked", message, "ask AWS Support for twice the need")
        return
    allowed = _allowed(target, need)
    if allowed < need.needed:
        way_out = (
            f"aws service-quotas request-service-quota-increase --service-code {need.service} --quota-code {need.code}"
            f" --desired-value {_SPARE * need.needed:.0f} --region {target.primary}"
        )
        yield Finding(subject, "warning", f"{allowed:,.0f}, needs {needed} at the peak", way_out)
    else:
        yield Finding(subject, "ok", f"{allowed:,.0f}, needs {needed} at the peak")


def _allowed(target: Target, need: Need) -> float:
    client = target.client("service-quotas", target.primary)
    which = {"ServiceCode": need.service, "QuotaCode": need.code}
    try:
        found = client.get_service_quota(**which)
    except ClientError as error:
        if error_code(error) != "NoSuchResourceException":
            raise
        found = client.get_aws_default_service_quota(**which)  # this account's was never changed
    value: float = found["Quota"]["Value"]
    return value
