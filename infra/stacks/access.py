"""What people and workers may do: a role for each flow, and managed policies of flows, workers and notebooks.

A worker assumes the role of the flow that it runs (``flows/runtime/role.py``). The roles trust the account: who may
assume one is for the account's own policies to say, as that of workers does.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.constructs.acknowledgements import acknowledge_wildcards
from infra.constructs.catalog import PREFIX as IMAGES_PREFIX
from infra.constructs.catalog import TABLE as IMAGES_TABLE
from infra.constructs.edge import access_log
from infra.names import Names
from infra.stacks.backfill import MANIFESTS, REPORTS
from infra.stacks.base import DarkroomStack
from lambdas.core.settings import EDGE_REGION

Resources = Callable[[Names], list[str]]
Conditions = Mapping[str, Mapping[str, str]]
"""IAM's conditions: values by operator and key."""


class Right(NamedTuple):
    """Actions, the resources that they are allowed on, and the conditions of that."""

    actions: Sequence[str]
    resources: Resources
    conditions: Callable[[Names], Conditions] = lambda _names: {}


Rights = Sequence[Right]


def _anything(_names: Names) -> list[str]:
    return ["*"]


def _parameters(names: Names) -> list[str]:
    regions = sorted({names.settings.regions.primary, names.settings.regions.replica, EDGE_REGION})
    return [names.parameter_arn("*", region) for region in regions]


def _bucket(name: str, *keys: str) -> Resources:
    """Return a bucket, or its objects with ``keys``; ``name`` is a property of ``Names``."""
    return lambda names: [f"arn:aws:s3:::{getattr(names, name)}{key}" for key in keys or [""]]


def _all_of(*resources: Resources) -> Resources:
    return lambda names: [each for found in resources for each in found(names)]


def _images(names: Names) -> list[str]:
    return [names.table_arn]


def _images_and_index(names: Names) -> list[str]:
    return [names.table_arn, f"{names.table_arn}/index/by-tenant"]


def _lane_queues(thing: str) -> Resources:
    """Return the queues ``thing`` of all lanes; one ARN, since a managed policy takes 6,144 characters."""
    return lambda names: [names.queue_arn(f"*-{thing}")]


def _failures(names: Names) -> list[str]:
    return [f"arn:aws:dynamodb:{names.settings.regions.primary}:{names.account}:table/{names.of('*-failures')}"]


def _signing_keys(names: Names) -> list[str]:
    base = f"arn:aws:dynamodb:{names.settings.regions.primary}:{names.account}:table"
    return [f"{base}/{names.of(keys)}" for keys in ("tenant-keys", "image-token-keys")]


def _lane_functions(names: Names) -> list[str]:
    return [names.function_arn(name, "*") for name in names.settings.lanes.shares]


def _catalog(names: Names) -> list[str]:
    base, database = f"arn:aws:glue:{EDGE_REGION}:{names.account}", names.settings.prefix.replace("-", "_")
    tables = [f"{base}:table/{database}/{table}" for table in (access_log.TABLE, IMAGES_TABLE)]
    return [f"{base}:catalog", f"{base}:database/{database}", *tables]


_LOOK_UP: Rights = [Right(["ssm:GetParameters"], _parameters)]
_QUERY: Rights = [
    Right(
        ["athena:StartQueryExecution", "athena:StopQueryExecution", "athena:GetQueryExecution",
         "athena:GetQueryResults", "athena:GetWorkGroup"],
        lambda names: [f"arn:aws:athena:{EDGE_REGION}:{names.account}:workgroup/{names.of('analytics')}"],
    ),
    Right(["glue:GetDatabase", "glue:GetTable", "glue:GetPartitions"], _catalog),
    Right(["s3:GetBucketLocation", "s3:ListBucket"], _all_of(_bucket("logs_bucket"), _bucket("results_bucket"))),
    Right(
        ["s3:GetObject"],
        _all_of(
            _bucket("logs_bucket", f"/{access_log.PREFIX}/*", f"/{IMAGES_PREFIX}/*"), _bucket("results_bucket", "/*")
        ),
    ),
    Right(["s3:PutObject", "s3:AbortMultipartUpload"], _bucket("results_bucket", "/*")),
    Right(["s3:GetObject"], _bucket("derivatives_bucket", "/*")),  # the thumbnails in reports
]  # fmt: skip
_READ_REPORTS: Rights = [
    Right(["s3:ListBucket"], _bucket("reports_bucket")),
    Right(["s3:GetObject"], _bucket("reports_bucket", "/*")),
]

FLOWS: dict[str, Rights] = {
    "audit": [
        *_LOOK_UP,
        Right(["s3:ListBucket"], _all_of(_bucket("derivatives_bucket"), _bucket("replica_bucket"))),
        Right(["s3:ListBucketVersions"], _bucket("originals_bucket")),
        Right(["dynamodb:Query", "dynamodb:BatchGetItem", "dynamodb:Scan"], _images_and_index),
        Right(["s3:PutObject"], _bucket("reports_bucket", "/audit/*")),
    ],
    "backfill": [
        *_LOOK_UP,
        *_READ_REPORTS,
        Right(["dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"], _images_and_index),
        Right(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], _bucket("backfill_bucket", "/runs/*")),
        Right(["s3:PutObject"], _bucket("backfill_bucket", f"/{MANIFESTS}/*")),
        Right(["s3:GetObject"], _bucket("backfill_bucket", f"/{REPORTS}/*")),
        Right(["s3:ListBucket"], _bucket("backfill_bucket")),
        Right(["s3:CreateJob"], _anything),
        Right(
            ["s3:DescribeJob", "s3:UpdateJobStatus"],
            lambda names: [f"arn:aws:s3:{names.settings.regions.primary}:{names.account}:job/*"],
        ),
        Right(["iam:PassRole"], lambda names: [f"arn:aws:iam::{names.account}:role/{names.of('backfill-jobs')}"]),
        Right(["s3:PutObject"], _bucket("reports_bucket", "/backfill/*")),
    ],
    "dead-letters": [
        *_LOOK_UP,
        Right(
            ["sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage"],
            _lane_queues("dead-letters"),
        ),
        Right(["sqs:SendMessage"], _lane_queues("originals")),
        Right(["dynamodb:BatchGetItem"], _all_of(_failures, _images)),
        Right(["dynamodb:UpdateItem"], _images),
        Right(["s3:ListBucketVersions"], _bucket("originals_bucket")),
        Right(["s3:GetObject"], _bucket("originals_bucket", "/*")),
        Right(["s3:PutObject"], _bucket("reports_bucket", "/dead-letters/*")),
    ],
    "delivery-report": [*_LOOK_UP, *_QUERY, *_READ_REPORTS, Right(["s3:PutObject"], _bucket("reports_bucket", "/*"))],
    "export-images": [
        *_LOOK_UP,
        Right(["dynamodb:Scan"], _images),
        Right(["s3:ListBucket"], _bucket("logs_bucket")),
        Right(
            ["s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject"],
            _bucket("logs_bucket", f"/{IMAGES_PREFIX}/*"),
        ),
    ],
    "rotate-keys": [
        *_LOOK_UP,
        Right(["dynamodb:GetItem", "dynamodb:PutItem"], _signing_keys),
        Right(
            [
                f"kms:{action}"
                for action in ("Decrypt", "Encrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "DescribeKey")
            ],
            lambda names: [f"arn:aws:kms:{names.settings.regions.primary}:{names.account}:key/*"],
            lambda names: {"ForAnyValue:StringEquals": {"kms:ResourceAliases": names.signing_keys_alias}},
        ),
        Right(
            [
                f"cloudfront-keyvaluestore:{action}"
                for action in ("DescribeKeyValueStore", "ListKeys", "UpdateKeys")
            ],
            lambda names: [f"arn:aws:cloudfront::{names.account}:key-value-store/*"],
        ),
    ],
    "takedown": [
        *_LOOK_UP,
        Right(
            ["s3:ListBucketVersions"],
            _all_of(_bucket("originals_bucket"), _bucket("derivatives_bucket"), _bucket("replica_bucket")),
        ),
        Right(
            ["s3:DeleteObject", "s3:DeleteObjectVersion"],
            _all_of(
                _bucket("originals_bucket", "/*"), _bucket("derivatives_bucket", "/*"), _bucket("replica_bucket", "/*")
            ),
        ),
        Right(
            ["s3:BypassGovernanceRetention"],
            lambda names: [f"{names.originals_arn}/*"] if names.settings.storage.object_lock else [],
        ),
        Right(["s3:ListBucketMultipartUploads"], _bucket("originals_bucket")),
        Right(["s3:AbortMultipartUpload"], _bucket("originals_bucket", "/*")),
        Right(["dynamodb:BatchGetItem", "dynamodb:Scan", "dynamodb:GetItem", "dynamodb:UpdateItem"], _images),
        Right(["sqs:SendMessage"], lambda names: [names.queue_arn("sweep")]),
        Right(
            ["cloudfront:CreateInvalidation"],
            lambda names: [f"arn:aws:cloudfront::{names.account}:distribution/*"],
        ),
        Right(["s3:PutObject"], _bucket("reports_bucket", "/takedown/*")),
    ],
    "tenant-concurrency": [
        *_LOOK_UP,
        *_READ_REPORTS,
        Right(["cloudwatch:GetMetricData", "lambda:GetAccountSettings"], _anything),
        Right(
            [
                f"lambda:{action}"
                for action in (
                    "GetFunctionConcurrency", "PutFunctionConcurrency", "DeleteFunctionConcurrency",
                )
            ],
            _lane_functions,
        ),
        Right(["s3:PutObject"], _bucket("reports_bucket", "/lane-concurrency/*", "/lane-concurrency-charts/*")),
    ],
}  # fmt: skip
"""What each flow may, by its name in Prefect."""

OTHERS: dict[str, Rights] = {
    "notebooks": [*_LOOK_UP, *_QUERY, *_READ_REPORTS, Right(["cloudwatch:GetMetricData"], _anything)],
    "worker": [
        *_LOOK_UP,
        Right(
            ["sts:AssumeRole"],
            lambda names: [f"arn:aws:iam::{names.account}:role/{names.of(flow)}" for flow in FLOWS],
        ),
    ],
}
"""What an analyst's notebooks may, and what a worker may by itself."""

_WHY = (
    "Ids, days and runs are in the names of objects, parameters and jobs; distributions and key-value stores get"
    " random ids when they are made; and some actions have no resources."
)


class AccessStack(DarkroomStack):
    """The roles and policies of :data:`FLOWS` and :data:`OTHERS`; IAM has no region."""

    def __init__(self, scope: Construct, names: Names) -> None:
        super().__init__(
            scope,
            "Access",
            names=names,
            region=names.settings.regions.primary,
            description="Darkroom: what flows, workers and notebooks may do",
        )
        for flow, rights in FLOWS.items():
            iam.Role(
                Construct(self, f"Flow-{flow}"),
                "Role",
                role_name=names.of(flow),
                assumed_by=iam.AccountPrincipal(names.account),
                managed_policies=[self._policy(flow, rights)],
            )
        for name, rights in OTHERS.items():
            self._policy(name, rights)

    def _policy(self, name: str, rights: Rights) -> iam.ManagedPolicy:
        found = [(right, right.resources(self.names)) for right in rights]
        policy = iam.ManagedPolicy(
            Construct(self, name),
            "Policy",
            managed_policy_name=self.names.of(name),
            description=f"Darkroom, {self.settings.stage}: what {name} may do",
            statements=[
                iam.PolicyStatement(
                    actions=list(right.actions),
                    resources=resources,
                    conditions=dict(right.conditions(self.names)) or None,
                )
                for right, resources in found
                if resources
            ],
        )
        acknowledge_wildcards(policy, [each for _, resources in found for each in resources], _WHY)
        return policy
