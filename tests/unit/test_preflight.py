"""Every finding of the preflight, from AWS's answers as botocore's models have them."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from typer.testing import CliRunner

from infra.command import app
from infra.command.deployment import Deployment
from infra.command.preflight import account, domain, quotas, taken_names
from infra.command.preflight.command import examine
from infra.command.preflight.findings import Check, Finding, Target, run_check
from infra.names import Names
from lambdas.core.settings import Settings
from operations.costs.quotas import needs
from operations.costs.workload import Pictures

SESSION = boto3.Session("test", "test", region_name="us-east-1")
ACCOUNT = "123456789012"
ARN = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1"
DOMAIN = {"names": ["img.example.com", "i.example.com"], "hosted_zone": {"id": "Z1", "name": "example.com"}}
TAGS = [{"Key": "Application", "Value": "darkroom"}, {"Key": "Stage", "Value": "dev"}]
NO_STACKS = ("cloudformation", "describe_stacks", {"Stacks": []})
ALLOWANCES = [("lambda", 1000.0), ("events", 18_750.0), ("apigateway", 10_000.0), ("dynamodb", 40_000.0)]

Answer = tuple[str, str, Any]
"""A service, the operation called next, and its response, or the code of its error."""


def target(answers: list[Answer], **settings: Any) -> tuple[Target, ExitStack]:
    """Return a target whose clients give ``answers`` in order, and a context that checks that all were asked for."""
    clients: dict[str, tuple[Any, Stubber]] = {}
    stubs = ExitStack()
    for service, operation, answer in answers:
        if service not in clients:
            client = SESSION.client(service)  # type: ignore[call-overload]
            clients[service] = (client, Stubber(client))
            stubs.enter_context(clients[service][1])
            stubs.callback(clients[service][1].assert_no_pending_responses)
        stubber = clients[service][1]
        if isinstance(answer, str):
            stubber.add_client_error(operation, answer)
        else:
            stubber.add_response(operation, answer)
    found = Settings.model_validate(
        {"stage": "dev", "regions": {"primary": "us-east-1", "replica": "us-west-2"}} | settings
    )
    return Target(Names(found, ACCOUNT), ("us-east-1",), lambda service, _region: clients[service][0]), stubs


def held(executions: int) -> Answer:
    return ("lambda", "get_function_concurrency", {"ReservedConcurrentExecutions": executions})


def limit(quota: int, unreserved: int) -> Answer:
    found = {"ConcurrentExecutions": quota, "UnreservedConcurrentExecutions": unreserved}
    return ("lambda", "get_account_settings", {"AccountLimit": found})


def stack(status: str, *, protected: bool = False) -> Answer:
    described = {
        "StackName": "DarkroomDevStorage",
        "StackStatus": status,
        "CreationTime": "2026-01-01T00:00:00Z",
        "EnableTerminationProtection": protected,
        "Tags": TAGS,
    }
    return ("cloudformation", "describe_stacks", {"Stacks": [described]})


def certificate(status: str, *names: str) -> Answer:
    found = {"Status": status, "DomainName": names[0], "SubjectAlternativeNames": list(names)}
    return ("acm", "describe_certificate", {"Certificate": found})


def zone(name: str, *, private: bool = False) -> Answer:
    found = {"Id": "Z1", "Name": name, "CallerReference": "1", "Config": {"PrivateZone": private}}
    return ("route53", "get_hosted_zone", {"HostedZone": found})


def version(number: str) -> Answer:
    return ("ssm", "get_parameter", {"Parameter": {"Value": number}})


def region(status: str) -> Answer:
    return ("account", "get_region_opt_status", {"RegionName": "us-east-1", "RegionOptStatus": status})


# Nothing is reserved but for backfills.
QUIET = {"lanes": {"shared_reserved_concurrency": 0,
                   "reserved": dict.fromkeys(("authorize", "upload_api", "generate", "sweep"), 0)}}  # fmt: skip
UNRESERVED = ("lambda", "get_function_concurrency", "ResourceNotFoundException")
OWN = {"domain": {"names": DOMAIN["names"], "certificate_arn": ARN}}
ZONE = {"domain": DOMAIN}
OTHERS = {"domain": {"names": DOMAIN["names"], "certificate_arn": ARN.replace(ACCOUNT, "9" * 12)}}


@pytest.mark.parametrize(
    ("check", "settings", "answers", "state", "phrases"),
    [
        (account.regions, {}, [region("ENABLED_BY_DEFAULT")], "ok", []),
        (account.regions, {}, [region("DISABLED")], "blocker", ["disabled", "enable-region --region-name us-east-1"]),
        (account.regions, {}, [("account", "get_region_opt_status", "AccessDeniedException")], "not checked",
         ["GetRegionOptStatus (AccessDeniedException)"]),
        (account.bootstrap, {}, [version("30")], "ok", ["version 30"]),
        (account.bootstrap, {}, [version("5")], "blocker", ["version 5, needs 6", "make bootstrap"]),
        (account.bootstrap, {}, [("ssm", "get_parameter", "ParameterNotFound")], "blocker", ["make bootstrap"]),
        (account.bootstrap, {}, [("ssm", "get_parameter", "AccessDeniedException")], "not checked", ["GetParameter"]),
        (account.concurrency, {}, [limit(1000, 1000), *[UNRESERVED] * 9], "ok", ["quota of 1000, 710 to reserve"]),
        (account.concurrency, {}, [limit(1000, 290), *[held(400)] * 8, UNRESERVED], "ok", ["50 to reserve"]),
        (account.concurrency, {}, [limit(700, 700), *[UNRESERVED] * 9], "blocker", ["710 to reserve", "100 must stay"]),
        (account.concurrency, QUIET, [limit(1000, 1000), UNRESERVED], "ok", ["quota of 1000, 50 to reserve"]),
        (account.concurrency, QUIET, [limit(1000, 950), held(50)], "ok", ["0 to reserve"]),
        (account.concurrency, QUIET | {"backfill": {"reserved_concurrency": 70}}, [limit(1000, 110), held(50)],
         "blocker", ["890 reserved, 20 to reserve"]),
        (account.concurrency, QUIET, [limit(10, 10), UNRESERVED], "blocker",
         ["quota of 10, 0 reserved, 50 to reserve, 100 must stay", "--quota-code L-B99A9384 --desired-value 1000"]),
        (account.concurrency, QUIET | {"backfill": {"reserved_concurrency": 0}}, [limit(10, 10)], "warning",
         ["lanes.account_concurrency = 10"]),
        (account.concurrency, QUIET, [limit(1000, 149), UNRESERVED], "blocker", ["851 reserved, 50 to reserve"]),
        (account.concurrency, QUIET, [limit(500, 500), UNRESERVED], "warning", ["lanes.account_concurrency = 500"]),
        (account.concurrency, {}, [("lambda", "get_account_settings", "AccessDeniedException")], "not checked",
         ["GetAccountSettings"]),
        (taken_names.stacks, {}, [NO_STACKS], "ok", ["first deployment"]),
        (taken_names.stacks, {}, [stack("CREATE_IN_PROGRESS")], "blocker", ["wait for the other deployment"]),
        (taken_names.stacks, {}, [stack("ROLLBACK_COMPLETE", protected=True)], "blocker",
         ["--no-enable-termination-protection --stack-name DarkroomDevStorage --region us-east-1"]),
        (taken_names.stacks, {}, [stack("DELETE_FAILED")], "blocker", ["describe-stack-events", "delete-stack"]),
        (taken_names.stacks, {}, [stack("UPDATE_ROLLBACK_FAILED")], "blocker", ["continue-update-rollback"]),
        (taken_names.stacks, {}, [("cloudformation", "describe_stacks", "AccessDenied")], "not checked",
         ["DescribeStacks"]),
        (taken_names.edge_function, {}, [NO_STACKS, ("lambda", "get_function_configuration", {})], "blocker",
         ["left by an earlier deployment", "darkroom remove-edge-function"]),
        (taken_names.edge_function, {}, [NO_STACKS, ("lambda", "get_function_configuration", "AccessDeniedException")],
         "not checked", ["GetFunctionConfiguration"]),
        (domain.certificate, OWN, [certificate("ISSUED", "*.example.com")], "ok", []),
        (domain.certificate, OWN, [certificate("ISSUED", "example.com", "img.example.com")], "blocker",
         ["not for i.example.com"]),
        (domain.certificate, OWN, [certificate("PENDING_VALIDATION", "a")], "blocker", ["CNAME records"]),
        (domain.certificate, OWN, [certificate("EXPIRED", "a")], "blocker", ["expired"]),
        (domain.certificate, OWN, [("acm", "describe_certificate", "ResourceNotFoundException")], "blocker",
         ["us-east-1, the only region"]),
        (domain.certificate, OWN, [("acm", "describe_certificate", "AccessDeniedException")], "not checked", []),
        (domain.certificate, OTHERS, [], "blocker", ["of account 999999999999"]),
        (domain.hosted_zone, ZONE, [zone("example.com.")], "ok", []),
        (domain.hosted_zone, ZONE, [zone("example.org.")], "blocker", ["is example.org", "list-hosted-zones"]),
        (domain.hosted_zone, ZONE, [zone("example.com.", private=True)], "blocker", ["private"]),
        (domain.hosted_zone, ZONE, [("route53", "get_hosted_zone", "NoSuchHostedZone")], "blocker", ["none"]),
        (domain.hosted_zone, ZONE, [("route53", "get_hosted_zone", "AccessDenied")], "not checked", []),
    ],
)  # fmt: skip
def test_finding(check: Check, settings: Any, answers: list[Answer], state: str, phrases: list[str]) -> None:
    place, stubs = target(answers, **settings)
    with stubs:
        (finding,) = run_check("subject", check, place)
    assert finding.state == state, finding
    assert bool(finding.way_out) is (state in {"blocker", "warning"}), finding
    for phrase in phrases:
        assert phrase in f"{finding.message}. {finding.way_out}"


@pytest.mark.parametrize("check", [domain.certificate, domain.hosted_zone])
def test_without_a_domain_nothing_is_asked(check: Check) -> None:
    place, _ = target([])
    assert list(check(place)) == []


@pytest.mark.parametrize(
    ("answers", "state", "phrase"),
    [
        ([("s3", "head_bucket", "404")], "ok", "0 of this stage, 7 names free"),
        ([("s3", "head_bucket", {})], "blocker", "cdk import"),
        ([("s3", "head_bucket", "403"), ("s3", "list_buckets", {"Buckets": []})], "blocker", "another account"),
        ([("s3", "head_bucket", "403"), ("s3", "list_buckets", "AccessDenied")], "not checked", "ListBuckets"),
        ([("s3", "head_bucket", "500")], "not checked", "HeadBucket"),
    ],
)
def test_bucket(answers: list[Answer], state: str, phrase: str) -> None:
    place, stubs = target([NO_STACKS, *answers, *(6 * [("s3", "head_bucket", "404")])])
    del stubs  # the check may end at the first bucket
    first: Finding = next(run_check("Buckets", taken_names.buckets, place))
    assert first.state == state
    assert phrase in f"{first.message}. {first.way_out}"


def test_a_bucket_that_is_ours_without_the_right_to_read_it_is_no_strangers() -> None:
    place, _ = target([NO_STACKS, ("s3", "head_bucket", "403")])
    bucket = next(iter(place.names.buckets))
    place, _ = target(
        [NO_STACKS, ("s3", "head_bucket", "403"), ("s3", "list_buckets", {"Buckets": [{"Name": bucket}]})]
    )
    assert "left by an earlier deployment" in next(run_check("Buckets", taken_names.buckets, place)).message


def test_buckets_and_function_of_our_own_stacks_are_fine() -> None:
    place, _ = target([])
    resources = [
        {"PhysicalResourceId": name, "ResourceType": kind, "ResourceStatus": "CREATE_COMPLETE",
         "LogicalResourceId": "x", "LastUpdatedTimestamp": "2026-01-01T00:00:00Z"}
        for kind, names in (
            ("AWS::S3::Bucket", [*place.names.buckets]),
            ("AWS::Lambda::Function", [place.names.function("origin_request")]),
        )
        for name in names
    ]  # fmt: skip
    listed = ("cloudformation", "list_stack_resources", {"StackResourceSummaries": resources})
    place, stubs = target([stack("CREATE_COMPLETE"), listed, stack("CREATE_COMPLETE"), listed])
    with stubs:
        assert [each.message for each in taken_names.buckets(place)] == ["7 of this stage, 0 names free"]
        assert list(taken_names.edge_function(place)) == []


def allowances(values: list[tuple[str, float]]) -> list[Answer]:
    return [("service-quotas", "get_service_quota", {"Quota": {"Value": value}}) for _, value in values]


@pytest.mark.parametrize(
    ("per_day", "answers", "states"),
    [
        (1_000_000, allowances(ALLOWANCES), 4 * ["ok"]),
        (1_000_000, [("service-quotas", "get_service_quota", "AccessDeniedException")] * 4, 4 * ["not checked"]),
        (10_000_000, allowances([("lambda", 500.0), *ALLOWANCES[1:]]), ["warning", "ok", "ok", "ok"]),
        (100_000_000, allowances(ALLOWANCES), ["warning", "ok", "ok", "ok", "not checked"]),
        (1_000_000, [
            ("service-quotas", "get_service_quota", "NoSuchResourceException"),
            ("service-quotas", "get_aws_default_service_quota", {"Quota": {"Value": 1000.0}}),
            *allowances(ALLOWANCES[1:]),
        ], 4 * ["ok"]),
    ],
)  # fmt: skip
def test_quotas_for_pictures_a_day(per_day: int, answers: list[Answer], states: list[str]) -> None:
    place, stubs = target(answers)
    with stubs:
        found = list(quotas.quotas(place, per_day))
    assert [each.state for each in found] == states, found
    assert all("--desired-value" in each.way_out for each in found if each.state == "warning")


def test_needs_grow_with_the_pictures() -> None:
    settings = Settings.model_validate({"stage": "dev", "storage": {"replication_time_control": True}})
    few, many = (needs(Pictures(per_day), settings) for per_day in (1_000_000, 10_000_000))
    assert [each.quota for each in few] == [each.quota for each in many]
    assert "S3: replication with time control, Gbit/s" in {each.quota for each in few}
    for one, ten in zip(few, many, strict=True):
        assert ten.needed == pytest.approx(10 * one.needed)


@pytest.fixture
def without_credentials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "DARKROOM_AWS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    yield


@pytest.mark.usefixtures("without_credentials")
def test_without_credentials_there_is_one_finding_and_a_failure() -> None:
    result = CliRunner().invoke(app, ["preflight", "--aws"])
    assert result.exit_code == 1
    assert "Unable to locate credentials" in result.stdout
    assert "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and the related variables; with SSO: aws sso login\n" in result.stdout
    assert "1 blocker" in result.stdout


def test_every_check_runs_although_no_right_is_given() -> None:
    def client(service: str, _region: str | None = None) -> Any:
        made = SESSION.client(service)  # type: ignore[call-overload]
        stubber = Stubber(made)
        stubber.activate()
        if service == "sts":
            stubber.add_response("get_caller_identity", {"Account": ACCOUNT, "Arn": "arn:aws:iam::1:user/me"})
        return made  # without a response, each call is an error of botocore

    settings = Settings.model_validate({"stage": "dev", **ZONE})
    found = list(examine(Deployment(settings, client), 1_000_000))
    assert (found[0].state, found[0].message) == ("ok", "arn:aws:iam::1:user/me")
    assert {each.state for each in found[1:]} == {"not checked"}
    assert len(found) >= 8
