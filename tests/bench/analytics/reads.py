"""Which files a query reads, as the local Athena plans it."""

from pyathena.formatter import DefaultParameterFormatter

from flows.reporting.periods import Period
from flows.reporting.queries import Analytics, Query, query_parameters
from infra.local.athena.planning import Plan, Planner


def plan_query_files(planner: Planner, query: Query, period: Period, analytics: Analytics) -> Plan:
    """Return what ``query`` about ``period`` reads, and what of it is billed."""
    parameters = query_parameters(analytics.distribution, period, None, analytics.parameters)
    text = DefaultParameterFormatter().format(query.text, parameters)
    return planner.plan(text, analytics.database, analytics.workgroup)
