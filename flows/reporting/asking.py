"""All questions of a report, asked side by side; one that fails takes no other with it."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from flows.reporting.findings import Findings
from flows.reporting.periods import Period
from flows.reporting.queries import (
    Answer,
    Question,
    UnansweredError,
    ask,
)
from flows.reporting.report_kinds import ReportKind
from flows.reporting.results import Answers
from flows.reporting.thumbnails import fetch_thumbnails
from lambdas.core.settings import Settings
from operations.discovery import find_analytics
from operations.tenants import chosen_tenants


def ask_all(names: Iterable[str], period: Period, settings: Settings, tenant: str | None = None) -> Answers:
    """Ask the questions called ``names`` about ``period``, a few at a time as the settings say.

    ``tenant``: about its pictures alone.

    Raises:
        NotDeployedError: the stage has no analytics.
        UnknownQuestionError: there is no such question.
        UnknownTenantError: the settings name no such tenant.
    """
    chosen_tenants(settings, tenant)
    analytics = find_analytics(settings)
    questions = [Question(name) for name in names]

    def attempt(question: Question) -> Answer | UnansweredError:
        try:
            return ask(question, period, analytics, attempts=settings.analytics.attempts, tenant=tenant)
        except UnansweredError as error:
            return error

    with ThreadPoolExecutor(settings.analytics.concurrent_questions) as pool:
        outcomes = dict(zip(questions, pool.map(attempt, questions), strict=True))
    answered = [outcome for outcome in outcomes.values() if isinstance(outcome, Answer)]
    return Answers(
        {answer.question: answer.rows for answer in answered},
        {question.name: str(error) for question, error in outcomes.items() if isinstance(error, UnansweredError)},
        sum(answer.scanned_bytes for answer in answered),
    )


def find_out(kind: ReportKind, period: Period, settings: Settings, tenant: str | None = None) -> Findings:
    """Gather all that a report of ``kind`` is made of, without Prefect: for a notebook that is opened by hand.

    Raises:
        NotDeployedError, UnknownTenantError: as :func:`ask_all`.
    """
    now = ask_all(kind.questions, period, settings, tenant)
    before = ask_all(kind.compared, period.before, settings, tenant)
    return Findings(now, before, fetch_thumbnails(top_images(now), settings))


def top_images(answers: Answers) -> list[str]:
    """Return the ids of the images asked for most, none where that question went unanswered or was not asked."""
    rows = answers["top_images"]
    return [] if rows is None else [str(image_id) for image_id in rows.image_id]
