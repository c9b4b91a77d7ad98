from typing import Any

import pytest
from synthesized import Assembly, Resource, as_list, referenced, statements

from infra.assets.packages import ROOT
from infra.names import Names
from lambdas.core.settings import Settings

DRAWING = {"metadata", "derive", "generate", "backfill"}
LIGHT = {"upload_api", "validate", "record"}
SIGNING = {"authorize"}
EDGE_HANDLER = "origin_request.handler"
EVERYWHERE = {"DARKROOM_STAGE", "ORIGINALS_BUCKET", "DERIVATIVES_BUCKET", "IMAGES_TABLE", "POWERTOOLS_SERVICE_NAME"}
LIBVIPS = {"MALLOC_ARENA_MAX": "2", "VIPS_BLOCK_UNTRUSTED": "1"}


def handler_name(function: Resource) -> Any:
    return function.properties["Handler"].removeprefix("lambdas.").partition(".")[0]


def regional(assembly: Assembly) -> list[Resource]:
    return [each for each in assembly.all("AWS::Lambda::Function") if each.properties["Handler"] != EDGE_HANDLER]


@pytest.fixture
def edge(aws: Assembly) -> Resource:
    return aws.one("AWS::Lambda::Function", Handler=EDGE_HANDLER)


def test_log_groups_expire_as_the_settings_say(aws: Assembly, settings: Settings) -> None:
    for group in aws.all("AWS::Logs::LogGroup"):
        assert group.properties["RetentionInDays"] == settings.storage.log_retention_days, str(group)


def test_every_handler_exists(aws: Assembly) -> None:
    for function in regional(aws):
        module, _, name = function.properties["Handler"].rpartition(".")
        source = ROOT.joinpath(*module.split(".")).with_suffix(".py").read_text(encoding="utf-8")
        assert f"def {name}(" in source, str(function)


def test_only_drawing_functions_have_libvips(aws: Assembly) -> None:
    assert {handler_name(function) for function in regional(aws)} >= DRAWING | LIGHT
    for function in regional(aws):
        layers = function.properties.get("Layers", [])
        variables = function.properties["Environment"]["Variables"]
        if handler_name(function) in DRAWING:
            assert len(layers) == 1, str(function)
            assert variables.items() >= LIBVIPS.items(), str(function)
            assert int(variables["VIPS_CONCURRENCY"]) >= 1, str(function)
        else:
            assert len(layers) == (handler_name(function) in SIGNING), str(function)
            assert "VIPS_CONCURRENCY" not in variables, str(function)


def test_every_function_has_its_size_from_the_settings(aws: Assembly, settings: Settings) -> None:
    for function in regional(aws):
        size = settings.functions[handler_name(function)]
        assert function.properties["MemorySize"] == size.memory_mb, str(function)
        assert function.properties["Timeout"] == size.timeout_seconds, str(function)
        assert function.properties["Runtime"] == "python3.13", str(function)
        assert function.properties["Architectures"] == ["arm64"], str(function)


def test_reservations_are_those_of_the_settings_and_lanes_have_theirs_elsewhere(
    aws: Assembly, settings: Settings
) -> None:
    for function in aws.all("AWS::Lambda::Function"):
        name = "origin_request" if function.properties["Handler"] == EDGE_HANDLER else handler_name(function)
        wanted = settings.function_reservations.get(name) or None
        assert function.properties.get("ReservedConcurrentExecutions") == wanted, str(function)


def test_every_function_has_the_shared_environment(aws: Assembly, names: Names, settings: Settings) -> None:
    for function in regional(aws):
        variables = function.properties["Environment"]["Variables"]
        assert variables.keys() >= EVERYWHERE, str(function)
        assert variables["ORIGINALS_BUCKET"] == names.originals_bucket
        assert variables["IMAGES_TABLE"] == names.images_table
        assert variables["DARKROOM_STAGE"] == settings.stage


def test_edge_function_meets_lambda_at_edges_restrictions(edge: Resource) -> None:
    properties = edge.properties
    assert not {"Environment", "Layers", "TracingConfig", "VpcConfig", "DeadLetterConfig"} & properties.keys()
    assert properties["Architectures"] == ["x86_64"]
    assert properties["Timeout"] <= 30
    role = edge.template["Resources"][referenced(properties["Role"])]
    trusted = {
        service
        for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        for service in as_list(statement["Principal"]["Service"])
    }
    assert trusted == {"lambda.amazonaws.com", "edgelambda.amazonaws.com"}
    # Under a name of /aws/lambda/… CloudFront would log elsewhere, to a group without an end.
    group = edge.template["Resources"][referenced(properties["LoggingConfig"]["LogGroup"])]
    assert not group["Properties"]["LogGroupName"].startswith("/aws/lambda/")


def test_record_may_only_delete_derivatives(aws: Assembly) -> None:
    policies = aws.all("AWS::IAM::Policy")
    recording = [each for each in policies if "RecordWriteOutcomes" in each.logical_id]
    assert {each.stack for each in recording} == {
        machine.stack for machine in aws.all("AWS::StepFunctions::StateMachine")
    }
    for record in recording:
        actions = {
            action
            for policy in policies
            if (policy.stack, policy.properties["Roles"]) == (record.stack, record.properties["Roles"])
            for statement in statements(policy)
            for action in as_list(statement["Action"])
        }
        # It takes away what was drawn of a picture that is rejected in the end; it writes none, nor reads its bytes.
        allowed = {action for action in actions if action.startswith("s3:")}
        assert allowed == {"s3:ListBucket", "s3:DeleteObject"}, str(record)
