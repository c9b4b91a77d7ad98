"""The local stack's worker and analyst: users with the managed policies of theirs, and profiles of the SDK for them.

They stand for the identity of a Prefect worker, which may only assume the flows' roles, and of whoever uses the
notebooks; see ``infra/stacks/access.py``.
"""

import configparser
import os
from pathlib import Path
from typing import Any

from infra.local.endpoint import ACCOUNT, Endpoint

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_NOT_FLOWS = ("worker", "notebooks")


def make_users(endpoint: Endpoint, prefix: str, file: Path) -> None:
    """Make the users of the stage ``prefix``, and write ``file``: a profile of each, and one of each flow's role."""
    iam = endpoint.client("iam")
    pages = iam.get_paginator("list_policies").paginate(Scope="Local")
    policies = {policy["PolicyName"]: policy["Arn"] for page in pages for policy in page["Policies"]}
    profiles = configparser.ConfigParser()
    for name in (f"{prefix}-{each}" for each in _NOT_FLOWS):
        profiles[f"profile {name}"] = _make_user(iam, name, policies.pop(name))
    for name in policies:
        if name.startswith(f"{prefix}-"):
            role = f"arn:aws:iam::{ACCOUNT}:role/{name}"
            profiles[f"profile {name}"] = {"role_arn": role, "source_profile": f"{prefix}-worker"}
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as opened:
        profiles.write(opened)


def _make_user(iam: Any, name: str, policy_arn: str) -> dict[str, str]:
    iam.create_user(UserName=name)
    iam.attach_user_policy(UserName=name, PolicyArn=policy_arn)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


def with_profile(environment: dict[str, str], file: Path, profile: str) -> dict[str, str]:
    """Return ``environment`` with a profile of ``file`` in place of the account's own keys."""
    rest = {name: value for name, value in environment.items() if name not in _KEYS}
    return {**rest, "AWS_CONFIG_FILE": str(file), "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_PROFILE": profile}
