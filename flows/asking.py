"""All questions of a report, asked side by side; one that fails takes no other with it."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from flows.answers import Answers
from flows.discovery import find_analytics
from flows.periods import Period
from flows.questions import Answer, Question, UnansweredError, ask
from lambdas.settings import Settings
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
