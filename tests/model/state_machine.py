"""Walks the lane's real state machine: ``infra.constructs.lane.definition``, in the Amazon States Language.

Tasks, choices, Pass, an inline Map, retries and catches as the definition has them. Retries follow at once: their
pauses are far below anything that the model's clock decides. Expressions are JSONata: paths and comparisons, which are
almost all, are read here in microseconds; all others by jsonata-python. ``test_state_machine_walk.py`` compares both.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from jsonata import Jsonata

State = dict[str, Any]
_PATH = re.compile(r"\$([a-z]\w*)((?:\.\w+|\[\d+\])*)")
_COMPARISON = re.compile(r"(\$[\w.\[\]]+) = (?:'([^']*)'|(null))")


class TaskError(Exception):
    """A task failed, with the name that retries and catches go by."""

    def __init__(self, name: str, cause: str = "") -> None:
        super().__init__(f"{name}: {cause}")
        self.name, self.cause = name, cause


class ExecutionFailedError(Exception):
    """An error that no state caught."""


class Walk:
    """One execution. ``invoke`` does a task: it takes the resource and its arguments, and raises ``TaskError``.

    ``together`` runs the branches of a Map side by side and returns their results, or raises the first error.
    """

    def __init__(
        self,
        definition: State,
        execution_id: str,
        invoke: Callable[[str, Any], Any],
        together: Callable[[list[Callable[[], Any]]], list[Any]],
    ) -> None:
        self._definition = definition
        self._context = {"Execution": {"Id": execution_id}}
        self._invoke = invoke
        self._together = together

    def run(self, value: Any) -> Any:
        """Run the execution for its input; return its output.

        Raises:
            ExecutionFailedError: no state caught an error.
        """
        try:
            return self._machine(self._definition, value, {})
        except TaskError as error:
            raise ExecutionFailedError(str(error)) from error

    def _machine(self, machine: State, value: Any, variables: dict[str, Any]) -> Any:
        name = machine["StartAt"]
        while True:
            state = machine["States"][name]
            following, value = self._state(name, state, value, variables)
            if following is None:
                return value
            name = following

    def _state(self, name: str, state: State, value: Any, variables: dict[str, Any]) -> tuple[str | None, Any]:
        frame = {"input": value, "context": {**self._context, "State": {"Name": name}}}
        kind = state["Type"]
        if kind == "Succeed":
            return None, value
        if kind == "Choice":
            for choice in state["Choices"]:
                if evaluate(choice["Condition"], frame, variables):
                    return choice["Next"], value
            return state["Default"], value
        try:
            result = self._result(state, frame, variables)
        except TaskError as error:
            for catch in state.get("Catch", []):
                if _matches(catch["ErrorEquals"], error.name):
                    output = {"Error": error.name, "Cause": error.cause}
                    caught = {**frame, "errorOutput": output}
                    self._assign(catch, caught, variables)
                    return catch["Next"], output
            raise
        done = {**frame, "result": result}
        output = evaluate(state["Output"], done, variables) if "Output" in state else result
        self._assign(state, done, variables)
        return state.get("Next"), output

    def _assign(self, state: State, frame: dict[str, Any], variables: dict[str, Any]) -> None:
        if "Assign" in state:  # all of it is read before any of it is assigned
            variables.update(evaluate(state["Assign"], frame, variables))

    def _result(self, state: State, frame: dict[str, Any], variables: dict[str, Any]) -> Any:
        match state["Type"]:
            case "Pass":
                return frame["input"]
            case "Task":
                return self._task(state, frame, variables)
            case "Map":
                return self._map(state, frame, variables)
        raise NotImplementedError(f"a state of type {state['Type']} is not walked")

    def _task(self, state: State, frame: dict[str, Any], variables: dict[str, Any]) -> Any:
        tries = [0] * len(state.get("Retry", []))
        while True:
            try:
                return self._invoke(state["Resource"], evaluate(state["Arguments"], frame, variables))
            except TaskError as error:
                place = next(
                    (p for p, each in enumerate(state.get("Retry", [])) if _matches(each["ErrorEquals"], error.name)),
                    None,
                )
                if place is None or tries[place] >= state["Retry"][place]["MaxAttempts"]:
                    raise
                tries[place] += 1

    def _map(self, state: State, frame: dict[str, Any], variables: dict[str, Any]) -> list[Any]:
        def branch(item: Any) -> Callable[[], Any]:
            inner = {**frame, "context": {**frame["context"], "Map": {"Item": {"Value": item}}}}
            selected = evaluate(state["ItemSelector"], inner, variables)
            return lambda: self._machine(state["ItemProcessor"], selected, dict(variables))

        return self._together([branch(item) for item in evaluate(state["Items"], frame, variables)])


def _matches(names: list[str], error: str) -> bool:
    return error in names or "States.ALL" in names or ("States.TaskFailed" in names and error != "States.Timeout")


# ---- Expressions


def evaluate(node: Any, states: Mapping[str, Any], variables: Mapping[str, Any]) -> Any:
    """Return ``node`` with each ``{% … %}`` in it evaluated; ``states`` is JSONata's ``$states``."""
    if isinstance(node, str):
        if not node.startswith("{%"):
            return node
        return _compiled(node[2:-2].strip())({**variables, "states": states})
    if isinstance(node, dict):
        return {name: evaluate(each, states, variables) for name, each in node.items()}
    return [evaluate(each, states, variables) for each in node] if isinstance(node, list) else node


@cache
def _compiled(text: str) -> Callable[[Mapping[str, Any]], Any]:
    if text == "null":
        return lambda _frame: None
    if match := _PATH.fullmatch(text):
        steps = [match[1], *(int(s[1:-1]) if s[0] == "[" else s[1:] for s in re.findall(r"\.\w+|\[\d+\]", match[2]))]
        return lambda frame: _walked(frame, steps)
    if match := _COMPARISON.fullmatch(text):
        left, right = _compiled(match[1]), None if match[3] else match[2]
        return lambda frame: left(frame) == right
    return by_library(text)


def _walked(value: Any, steps: list[Any]) -> Any:
    for step in steps:
        value = value[step]
    return value


def by_library(text: str) -> Callable[[Mapping[str, Any]], Any]:
    """Compile an expression by jsonata-python. A random number is a half, so that schedules can be replayed."""
    expression = Jsonata(text.replace("$random()", "0.5"))

    def read(frame: Mapping[str, Any]) -> Any:
        bound = expression.create_frame()
        for name, value in frame.items():
            bound.bind(name, value)
        return expression.evaluate({}, bound)

    return read
