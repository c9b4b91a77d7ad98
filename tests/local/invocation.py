"""Functions of a lane, called as its state machine calls them."""

import json
from typing import Any

from infra.local.endpoint import ACCOUNT
from infra.local.stack import LocalStack
from infra.names import Names
from lambdas.core.settings import FunctionName
from lambdas.core.settings.lanes import SHARED_LANE


def invoke(stack: LocalStack, name: FunctionName, payload: Any, lane: str = SHARED_LANE) -> tuple[Any, str | None]:
    """Return what the function returned, and the kind of its error if it failed."""
    function = Names(stack.settings, ACCOUNT).function(name, lane)
    answer = stack.client("lambda").invoke(FunctionName=function, Payload=json.dumps(payload))
    return json.loads(answer["Payload"].read()), answer.get("FunctionError")
