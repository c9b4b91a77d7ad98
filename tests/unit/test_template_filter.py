import pytest

from infra.local.cloudformation.template_filter import STRIPPED_TYPES, FilterError, filter_template, references

DELIVERY = {"Type": "AWS::Logs::Delivery", "Properties": {}}
QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "q"}}


def test_named_types_are_stripped_and_reported() -> None:
    template = {"Resources": {"Delivery": DELIVERY, "Queue": QUEUE}}

    filtered, stripped = filter_template(template)

    assert filtered == {"Resources": {"Queue": QUEUE}}
    assert [(each.logical_id, each.kind) for each in stripped] == [("Delivery", "AWS::Logs::Delivery")]
    assert "Delivery" in str(stripped[0])
    assert set(template["Resources"]) == {"Delivery", "Queue"}, "the template itself must stay as it is"


def test_dependencies_and_outputs_of_stripped_resources_are_removed() -> None:
    template = {
        "Resources": {
            "Delivery": DELIVERY,
            "One": QUEUE | {"DependsOn": "Delivery"},
            "Two": QUEUE | {"DependsOn": ["Delivery", "One"]},
        },
        "Outputs": {"Gone": {"Value": {"Fn::GetAtt": ["Delivery", "Arn"]}}, "Kept": {"Value": {"Ref": "One"}}},
    }

    filtered, _stripped = filter_template(template)

    assert filtered == {
        "Resources": {"One": QUEUE, "Two": QUEUE | {"DependsOn": ["One"]}},
        "Outputs": {"Kept": {"Value": {"Ref": "One"}}},
    }


@pytest.mark.parametrize(
    "reference",
    [
        {"Ref": "Delivery"},
        {"Fn::GetAtt": ["Delivery", "Arn"]},
        {"Fn::GetAtt": "Delivery.Arn"},
        {"Fn::Sub": "x${Delivery.Arn}"},
    ],
)
def test_a_remaining_resource_must_not_refer_to_a_stripped_one(reference: object) -> None:
    queue = {
        "Type": "AWS::SQS::Queue",
        "Properties": {"Tags": [{"Key": "of", "Value": {"Fn::Join": ["", [reference]]}}]},
    }

    with pytest.raises(FilterError, match=r"expected Queue \(AWS::SQS::Queue\) not to refer to Delivery"):
        filter_template({"Resources": {"Delivery": DELIVERY, "Queue": queue}})


def test_only_alarms_on_metric_math_are_stripped() -> None:
    math = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": [{"Id": "a", "Expression": "b*2"}]}}
    plain = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "Errors"}}

    filtered, stripped = filter_template({"Resources": {"Math": math, "Plain": plain}})

    assert set(filtered["Resources"]) == {"Plain"}
    assert [each.kind for each in stripped] == ["AWS::CloudWatch::Alarm on metric math"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Fn::Sub": ["${A}-${B.Arn}", {"C": {"Ref": "D"}}]}, {"A", "B", "D"}),
        ({"Fn::Join": ["", ["x", {"Ref": "AWS::Region"}]]}, {"AWS::Region"}),
        (["plain", 3, None], set()),
    ],
)
def test_references(value: object, expected: set[str]) -> None:
    assert references(value) == expected


def test_types_that_the_emulator_knows_are_not_stripped() -> None:
    from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS as KNOWN

    assert set(STRIPPED_TYPES) & set(KNOWN) == set()
