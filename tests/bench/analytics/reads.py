"""Which files a question reads, as the local Athena plans it."""

from pyathena.formatter import DefaultParameterFormatter

from flows.reporting.asked import question_parameters
from flows.reporting.periods import Period
from flows.reporting.queries import Question
from infra.local.athena.planning import Plan, Planner
from operations.discovery import Analytics


def plan_question(planner: Planner, question: Question, period: Period, analytics: Analytics) -> Plan:
    """Return what ``question`` about ``period`` reads, and what of it is billed."""
    parameters = question_parameters(analytics.distribution, period, None, analytics.parameters)
    text = DefaultParameterFormatter().format(question.text, parameters)
    return planner.plan(text, analytics.database, analytics.workgroup)
