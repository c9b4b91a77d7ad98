"""The upload API: authorization, and least privilege of its functions."""

from typing import Any

import pytest
from synthesized import Assembly, Resource, as_list, referenced, statements

from infra.names import Names
from lambdas.core import life
from lambdas.core.settings import Settings


def function_role(assembly: Assembly, name: str) -> str:
    function = assembly.one("AWS::Lambda::Function", Handler=f"lambdas.{name}.handler.handler")
    role = referenced(function.properties["Role"])
    assert role
    return role


def allowed(assembly: Assembly, name: str) -> dict[str, list[Any]]:
    """Return the actions that a function is allowed, with their resources."""
    role = function_role(assembly, name)
    found: dict[str, list[Any]] = {}
    for policy in assembly.all("AWS::IAM::Policy"):
        if policy.stack.endswith("Upload") and role in map(referenced, policy.properties["Roles"]):
            for statement in statements(policy):
                for action in as_list(statement["Action"]):
                    found.setdefault(action, []).extend(as_list(statement["Resource"]))
    return found


@pytest.fixture
def authorizer(aws: Assembly) -> Resource:
    return aws.one("AWS::ApiGatewayV2::Authorizer")


@pytest.mark.parametrize(
    ("route", "authorization"),
    [("$default", "CUSTOM"), ("GET /openapi.json", "NONE"), ("OPTIONS /{proxy+}", "NONE")],
)
def test_only_the_description_and_preflights_need_no_token(
    aws: Assembly, authorizer: Resource, route: str, authorization: str
) -> None:
    routes = {each.properties["RouteKey"]: each.properties for each in aws.all("AWS::ApiGatewayV2::Route")}
    assert set(routes) == {"$default", "GET /openapi.json", "OPTIONS /{proxy+}"}
    assert routes[route].get("AuthorizationType", "NONE") == authorization
    expected = authorizer.logical_id if authorization == "CUSTOM" else None
    assert referenced(routes[route].get("AuthorizerId")) == expected
    assert routes[route]["Target"], "a route without an integration is a 404"


def test_every_route_has_the_one_handler(aws: Assembly) -> None:
    integration = aws.one("AWS::ApiGatewayV2::Integration")
    function = aws.one("AWS::Lambda::Function", Handler="lambdas.upload_api.handler.handler")
    assert referenced(integration.properties["IntegrationUri"]) == function.logical_id
    assert integration.properties["PayloadFormatVersion"] == "2.0"


def test_authorizer_results_are_not_cached(authorizer: Resource) -> None:
    assert authorizer.properties["AuthorizerResultTtlInSeconds"] == 0
    assert authorizer.properties["EnableSimpleResponses"] is True
    assert authorizer.properties["AuthorizerPayloadFormatVersion"] == "2.0"
    # With an identity source, a request without it would be refused in API Gateway's words.
    assert not authorizer.properties.get("IdentitySource")


def named(aws: Assembly, resources: list[Any]) -> set[str]:
    """Return the names of the tables that ``resources`` refer to."""
    tables = {each.logical_id: each.properties["TableName"] for each in aws.all("AWS::DynamoDB::Table")}
    return {tables[logical_id] for each in resources if (logical_id := referenced(each)) in tables}


def test_authorizer_reads_only_the_tenant_keys(aws: Assembly, names: Names) -> None:
    actions = allowed(aws, "authorize")
    own = {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTraceSegments", "xray:PutTelemetryRecords"}
    assert set(actions) - own == {"dynamodb:GetItem", "kms:Decrypt", "kms:DescribeKey"}
    assert len(actions["dynamodb:GetItem"]) == 1
    assert named(aws, actions["dynamodb:GetItem"]) == {names.of("tenant-keys")}


@pytest.mark.parametrize(("function", "table"), [("authorize", "tenant-keys"), ("upload_api", "image-token-keys")])
def test_who_reads_a_table_of_keys_may_decrypt_it_through_dynamodb_alone(
    aws: Assembly, names: Names, settings: Settings, function: str, table: str
) -> None:
    """The emulator does not ask for it, and DynamoDB does."""
    keys = aws.one("AWS::DynamoDB::Table", TableName=names.of(table))
    encrypted_with = referenced(keys.properties["SSESpecification"]["KMSMasterKeyId"])
    (decrypting,) = (
        statement
        for policy in aws.all("AWS::IAM::Policy")
        if function_role(aws, function) in map(referenced, policy.properties["Roles"])
        for statement in statements(policy)
        if "kms:Decrypt" in as_list(statement["Action"])
    )
    assert referenced(decrypting["Resource"]) == encrypted_with
    service = f"dynamodb.{settings.regions.primary}.amazonaws.com"
    assert decrypting["Condition"] == {"StringEquals": {"kms:ViaService": service}}


def test_api_signs_uploads_and_erases_nothing(aws: Assembly, names: Names) -> None:
    actions = allowed(aws, "upload_api")
    originals = names.originals_arn
    assert {action: resources for action, resources in actions.items() if action.startswith("s3:")} == {
        "s3:PutObject": [f"{originals}/*"],
        "s3:ListMultipartUploadParts": [f"{originals}/*"],
        "s3:GetObject": [f"{originals}/*"],
        "s3:ListBucket": [originals],
    }
    assert names.of("image-token-keys") in named(aws, actions["dynamodb:GetItem"])
    assert names.of("tenant-keys") not in {
        table for resources in actions.values() for table in named(aws, resources)
    }, "the API does not read tenants' keys"
    assert actions["dynamodb:Query"] == [f"{names.table_arn}/index/by-tenant"]
    assert actions["lambda:InvokeFunction"] == [names.function_arn("sweep")]
    assert not any(action.startswith("cloudfront:") for action in actions)
    assert not {"dynamodb:PutItem", "dynamodb:DeleteItem"} & set(actions), "rows change by transitions alone"


def test_rows_of_uploads_that_never_arrive_expire(aws: Assembly, names: Names) -> None:
    table = aws.one("AWS::DynamoDB::Table", TableName=names.images_table)
    assert table.properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_the_sweep_receives_what_its_queue_delays(aws: Assembly, names: Names, settings: Settings) -> None:
    mapping = aws.one("AWS::Lambda::EventSourceMapping")
    queue = aws.one("AWS::SQS::Queue", QueueName=names.of("sweep"))
    assert referenced(mapping.properties["EventSourceArn"]) == queue.logical_id
    assert mapping.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    reserved = settings.function_reservations["sweep"]
    most = mapping.properties["ScalingConfig"]["MaximumConcurrency"]
    assert 2 <= most <= reserved / 2, "expected room for takedowns that the API waits for"
    assert queue.properties["VisibilityTimeout"] >= 6 * settings.functions["sweep"].timeout_seconds
    assert max(each.timeout_seconds for each in settings.functions.values()) < life.FINAL_SECONDS


def test_abandoned_parts_expire(aws: Assembly, names: Names, settings: Settings) -> None:
    bucket = aws.one("AWS::S3::Bucket", BucketName=names.originals_bucket)
    days = [
        rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
        for rule in bucket.properties["LifecycleConfiguration"]["Rules"]
        if "AbortIncompleteMultipartUpload" in rule
    ]
    assert days == [settings.storage.abandoned_upload_days]


def test_cors_lets_other_origins_call_and_read_responses(aws: Assembly, settings: Settings) -> None:
    cors = aws.one("AWS::ApiGatewayV2::Api", ProtocolType="HTTP").properties["CorsConfiguration"]
    assert set(cors["AllowMethods"]) == {"GET", "POST", "PATCH", "DELETE"}
    assert cors["AllowOrigins"] == list(settings.uploads.allowed_origins)
    assert "authorization" in cors["AllowHeaders"]
    assert "www-authenticate" in cors["ExposeHeaders"]
