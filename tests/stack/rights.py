"""Roles and their rights, read from synthesized templates and written as Markdown; see ``test_rights.py``."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from synthesized import Assembly, Resource, as_list, referenced, statements

from infra.names import Names

_NAMED_BY = ("FunctionName", "QueueName", "TableName", "LogGroupName", "StateMachineName", "Name", "RoleName")
_USERS = {  # what has a role, the property that names it, and what is written before its own name
    "AWS::Lambda::Function": ("Role", "FunctionName", ""),
    "AWS::StepFunctions::StateMachine": ("RoleArn", "StateMachineName", "state machine "),
    "AWS::Pipes::Pipe": ("RoleArn", "Name", "pipe "),
}
_OWN = [
    (["logs:CreateLogStream", "logs:PutLogEvents"], ["its own log group"]),
    (["xray:PutTelemetryRecords", "xray:PutTraceSegments"], ["*"]),
]
"""What every function may besides; not repeated in the table."""


@dataclass(frozen=True)
class Right:
    """One statement: actions, on resources, on conditions; all in the words of the table."""

    actions: list[str]
    resources: list[str]
    condition: str


@dataclass(frozen=True)
class Role:
    name: str
    trust: str
    rights: list[Right]


class Rights:
    """The roles and managed policies of a stage."""

    def __init__(self, assembly: Assembly, names: Names) -> None:
        self._assembly, self._names = assembly, names
        self._places = {
            names.originals_arn: "originals",
            names.derivatives_arn: "derivatives",
            names.replica_arn: "replica",
            f"arn:aws:s3:::{names.backfill_bucket}": "backfill",
            f"arn:aws:s3:::{names.results_bucket}": "results",
            f"arn:aws:s3:::{names.logs_bucket}": "logs",
            f"arn:aws:s3:::{names.reports_bucket}": "reports",
        }

    def roles(self) -> list[Role]:
        """Return every role, by name."""
        found = [self._role(role) for role in self._assembly.all("AWS::IAM::Role")]
        return sorted(found, key=lambda role: role.name)

    def policies(self) -> dict[str, list[Right]]:
        """Return the managed policies by their short names."""
        return {
            self._short(policy.properties["ManagedPolicyName"]): [self._right(each, "") for each in statements(policy)]
            for policy in self._assembly.any("AWS::IAM::ManagedPolicy")
        }

    def managed(self) -> dict[str, list[str]]:
        """Return the managed policies of the roles that have some."""
        found = {}
        for role in self._assembly.all("AWS::IAM::Role"):
            arns = role.properties.get("ManagedPolicyArns", [])
            policies = [self._find(role.stack, referenced(arn)).properties["ManagedPolicyName"] for arn in arns]
            if policies:
                found[self._name(role)[0]] = list(map(self._short, policies))
        return found

    def _role(self, role: Resource) -> Role:
        name, own_log = self._name(role)
        rights = [self._right(statement, own_log) for statement in self._statements(role)]
        if own_log:
            for own in _OWN:
                assert own in [(each.actions, each.resources) for each in rights], name
            rights = [each for each in rights if (each.actions, each.resources) not in _OWN]
        return Role(
            name, self._trust(merged_trust(role)), sorted(rights, key=lambda each: (each.actions, each.resources))
        )

    def _name(self, role: Resource) -> tuple[str, str]:
        """Return what a role is called, and the log group of a function that has the standard rights."""
        for kind, (property_name, named_by, before) in _USERS.items():
            for user in self._assembly.all(kind):
                if user.stack == role.stack and referenced(user.properties.get(property_name)) == role.logical_id:
                    name = user.properties[named_by]
                    standard = kind == "AWS::Lambda::Function" and user.properties["Handler"].startswith("lambdas.")
                    return before + self._short(name), f"/aws/lambda/{self._short(name)}" if standard else ""
        if "RoleName" in role.properties:
            before = "flow " if role.properties.get("ManagedPolicyArns") else ""
            return before + self._short(role.properties["RoleName"]), ""
        return role.logical_id.rstrip("0123456789ABCDEF").lower(), ""

    def _statements(self, role: Resource) -> Iterator[Any]:
        for inline in role.properties.get("Policies", []):
            yield from inline["PolicyDocument"]["Statement"]
        for policy in self._assembly.all("AWS::IAM::Policy"):
            if policy.stack == role.stack and role.logical_id in map(referenced, policy.properties["Roles"]):
                yield from statements(policy)

    def _right(self, statement: dict[str, Any], own_log: str) -> Right:
        assert statement["Effect"] == "Allow", statement
        resources = {self._resource(each) for each in as_list(statement["Resource"])}
        if own_log:
            own = {f"logs log-group:{own_log}", f"logs log-group:{own_log}:*"}
            resources = (resources - own) | ({"its own log group"} if resources & own else set())
        return Right(sorted(as_list(statement["Action"])), sorted(resources), condition(statement, self._text))

    def _trust(self, statement: dict[str, Any]) -> str:
        principal = statement["Principal"]
        who = ", ".join(f"`{self._text(each)}`" for each in as_list(principal.get("Service", principal.get("AWS"))))
        limit = condition(statement, self._text)
        return f"{who}, {limit}" if limit else who

    def _resource(self, value: Any) -> str:
        text = self._text(value)
        for arn, place in self._places.items():
            if text == arn or text.startswith(f"{arn}/"):
                return place + text.removeprefix(arn)
        match = re.fullmatch(r"arn:[^:]*:([^:]*):[^:]*:[^:]*:(.*)", text)
        return f"{match[1]} {self._short(match[2])}" if match else text

    def _text(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        ((function, argument),) = value.items()
        if function == "Fn::Join":
            return str(argument[0]).join(map(self._text, argument[1]))
        if function == "Ref" and argument.startswith("AWS::"):
            return {"AWS::Partition": "aws", "AWS::AccountId": self._names.account}.get(argument, argument)
        name = argument[0] if function == "Fn::GetAtt" else argument
        found = next(
            resource
            for stack in self._assembly.templates
            if (resource := self._find(stack, name, missing=True)) is not None
        )
        service, kind = found.type.split("::")[1:]
        own = next((found.properties[each] for each in _NAMED_BY if each in found.properties), found.logical_id)
        if function == "Ref":
            return str(own)
        # Of a log group, the ARN ends in ":*".
        end = ":*" if kind == "LogGroup" else ""
        return f"arn:aws:{service.lower()}:::{_dashed(kind)}:{own}{end}"

    def _find(self, stack: str, logical_id: Any, *, missing: bool = False) -> Any:
        body = self._assembly.templates[stack]["Resources"].get(logical_id)
        if body is None:
            assert missing, f"expected {logical_id} in {stack} but there is none"
            return None
        return Resource(stack, logical_id, body["Type"], body, self._assembly.templates[stack])

    def _short(self, text: str) -> str:
        return text.replace(f"{self._names.settings.prefix}-", "")


def merged_trust(role: Resource) -> dict[str, Any]:
    """Return the statements of a trust with several principals as one."""
    trusts: list[dict[str, Any]] = role.properties["AssumeRolePolicyDocument"]["Statement"]
    if len(trusts) == 1:
        return trusts[0]
    services = [service for each in trusts for service in as_list(each["Principal"]["Service"])]
    return {**trusts[0], "Principal": {"Service": services}}


def condition(statement: dict[str, Any], text: Any) -> str:
    """Return a statement's conditions in one line."""
    found = [
        f"`{key}` {operator} {', '.join(f'`{text(each)}`' for each in as_list(value))}"
        for operator, keys in statement.get("Condition", {}).items()
        for key, value in keys.items()
    ]
    return " and ".join(found)


def _dashed(kind: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind).lower()


def code(values: list[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def rights_table(heading: str, holders: dict[str, list[Right]]) -> list[str]:
    """Return the Markdown table of what each holder may."""
    lines = [f"| {heading} | actions | on | only if |", "|---|---|---|---|"]
    for name, rights in holders.items():
        for number, right in enumerate(rights):
            holder = f"`{name}`" if number == 0 else ""
            lines.append(f"| {holder} | {code(right.actions)} | {code(right.resources)} | {right.condition} |")
    return lines


def trust_table(roles: list[Role]) -> list[str]:
    """Return the Markdown table of who assumes which roles."""
    by_trust: dict[str, list[str]] = {}
    for role in roles:
        by_trust.setdefault(role.trust, []).append(role.name)
    lines = ["| assumed by | roles |", "|---|---|"]
    return lines + [f"| {trust} | {code(names)} |" for trust, names in by_trust.items()]
