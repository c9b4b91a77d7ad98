"""Checks of what is there already: buckets, the edge function, and stacks that a deployment cannot update."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from infra.command.preflight.findings import Finding, Target, error_code
from lambdas.core.settings import EDGE_REGION
from operations.stack_protection import DeployedStack, stage_stacks

_STUCK = ("ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED")


def stacks(target: Target) -> Iterator[Finding]:
    """Find stacks that the next deployment cannot create or update."""
    found = list(stage_stacks(target.settings, target.client, target.all_regions))
    for stack in found:
        subject = f"Stack {stack.name}"
        if stack.status.endswith("_IN_PROGRESS") and stack.status != "REVIEW_IN_PROGRESS":
            yield Finding(subject, "blocker", stack.status, "wait for the other deployment")
        elif not stack.was_created and stack.is_protected:
            way_out = (
                "aws cloudformation update-termination-protection --no-enable-termination-protection"
                f" --stack-name {stack.name} --region {stack.region}"
            )
            yield Finding(subject, "blocker", f"{stack.status}, and protected from the deletion it needs", way_out)
        elif stack.status in _STUCK:
            yield Finding(subject, "blocker", stack.status, _way_out_of(stack))
    if not found:
        yield Finding("Stacks", "ok", f"none of stage {target.settings.stage} yet: this is its first deployment")


def _way_out_of(stack: DeployedStack) -> str:
    event = f"aws cloudformation describe-stack-events --stack-name {stack.name} --region {stack.region} says why"
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        return f"{event}; then aws cloudformation continue-update-rollback"
    return f"{event}; then aws cloudformation delete-stack"


def buckets(target: Target) -> Iterator[Finding]:
    """Find buckets whose names others have, or that an earlier deployment has left."""
    ours = _names_in_stacks(target, "AWS::S3::Bucket")
    free = 0
    for bucket, region in target.names.buckets.items():
        subject = f"Bucket {bucket}"
        if bucket in ours:
            continue
        s3 = target.client("s3", region)
        try:
            s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=target.names.account)
        except ClientError as error:
            if error_code(error) in ("404", "NoSuchBucket"):
                free += 1
                continue
            if error_code(error) not in ("403", "AccessDenied"):
                raise
            # Another's, or ours without the right to list it: the list of our own tells.
            owned = s3.list_buckets(Prefix=bucket).get("Buckets", [])
            if bucket not in {each["Name"] for each in owned}:
                way_out = "set another name or stage in darkroom.toml"
                yield Finding(subject, "blocker", "belongs to another account", way_out)
                continue
        way_out = "import it (cdk import), delete it if it may be lost, or use another name or stage"
        yield Finding(subject, "blocker", "left by an earlier deployment, in no stack", way_out)
    yield Finding("Buckets", "ok", f"{len(ours)} of this stage, {free} names free")


def edge_function(target: Target) -> Iterator[Finding]:
    """Find the Lambda@Edge function of a deleted stack, which is kept until CloudFront has removed its replicas."""
    name = target.names.function("origin_request")
    if name in _names_in_stacks(target, "AWS::Lambda::Function"):
        return
    try:
        target.client("lambda", EDGE_REGION).get_function_configuration(FunctionName=name)
    except ClientError as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
        return
    way_out = "darkroom remove-edge-function --aws, which may have to wait some hours for CloudFront"
    yield Finding(f"Function {name}", "blocker", "left by an earlier deployment, in no stack", way_out)


def _names_in_stacks(target: Target, kind: str) -> set[str]:
    return {
        resource["PhysicalResourceId"]
        for stack in stage_stacks(target.settings, target.client, target.regions)
        for page in target.client("cloudformation", stack.region)
        .get_paginator("list_stack_resources")
        .paginate(StackName=stack.name)
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == kind and resource["ResourceStatus"] != "DELETE_COMPLETE"
    }
