"""Which files a question reads, as the local Athena plans it."""

from pyathena.formatter import DefaultParameterFormatter

from flows.asked import question_parameters
from flows.discovery import Analytics
from flows.periods import Period
from flows.questions import Question
from infra.local.athena.planning import Plan, Planner


def plan_question(planner: Planner, question: Question, period: Period, analytics: Analytics) -> Plan:
    """Return what ``question`` about ``period`` reads, and what of it is billed."""
    parameters = question_parameters(analytics.distribution, period, None, analytics.parameters)
    text = DefaultParameterFormatter().format(question.text, parameters)
    return planner.plan(text, analytics.database, analytics.workgroup)
