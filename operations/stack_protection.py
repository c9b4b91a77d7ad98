"""Protection of a stage's stacks and tables against deletion, set by API once they exist.

In a template, either would keep the CDK's command from deleting what a failed first deployment leaves behind.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lambdas.core.settings import Settings

ClientOf = Callable[[str, str], Any]
"""Returns a boto3 client of a service in a region."""

_NEVER_CREATED = ("REVIEW_IN_PROGRESS", "CREATE_", "ROLLBACK_", "DELETE_")
_CREATED = "CREATE_COMPLETE"


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """A CloudFormation stack of a stage."""

    name: str
    region: str
    status: str
    is_protected: bool

    @property
    def was_created(self) -> bool:
        """Whether its creation has succeeded; otherwise it must be deleted before the next deployment."""
        return self.status == _CREATED or not self.status.startswith(_NEVER_CREATED)


def stage_stacks(settings: Settings, client: ClientOf, regions: Iterable[str]) -> Iterator[DeployedStack]:
    """Yield the stacks with the stage's tags, those that the settings no longer have included.

    Raises:
        ClientError: CloudFormation refused.
    """
    tags = {"Application": settings.name, "Stage": settings.stage}
    for region in regions:
        for page in client("cloudformation", region).get_paginator("describe_stacks").paginate():
            for stack in page["Stacks"]:
                found = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}
                if tags.items() <= found.items() and stack["StackStatus"] != "DELETE_COMPLETE":
                    protected = bool(stack.get("EnableTerminationProtection"))
                    yield DeployedStack(stack["StackName"], region, stack["StackStatus"], protected)


def set_protection(stacks: Iterable[DeployedStack], client: ClientOf, *, protected: bool) -> list[str]:
    """Set or lift the protection of ``stacks`` and their tables; return the names of those that changed.

    A stack that was never created stays unprotected.

    Raises:
        ClientError: CloudFormation or DynamoDB refused.
    """
    changed = []
    for stack in stacks:
        if protected and not stack.was_created:
            continue
        cloudformation = client("cloudformation", stack.region)
        if stack.is_protected != protected:
            cloudformation.update_termination_protection(StackName=stack.name, EnableTerminationProtection=protected)
            changed.append(stack.name)
        dynamodb = client("dynamodb", stack.region)
        for table in _tables(stack.name, cloudformation):
            described = dynamodb.describe_table(TableName=table)["Table"]
            if described.get("DeletionProtectionEnabled", False) != protected:
                dynamodb.update_table(TableName=table, DeletionProtectionEnabled=protected)
                changed.append(table)
    return changed


def _tables(stack: str, cloudformation: Any) -> list[str]:
    return [
        resource["PhysicalResourceId"]
        for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::DynamoDB::Table" and resource["ResourceStatus"] != "DELETE_COMPLETE"
    ]
