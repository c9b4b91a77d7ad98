"""What a reader has to know before the figures: what is missing, why, and what to do about it."""

from IPython.display import HTML

from flows.reporting.findings import Findings
from flows.reporting.verdict import Figures
from notebooks.presentation import notice


def notices(findings: Findings, figures: Figures | None) -> list[HTML]:
    """Return a box for each thing that is missing; none where all is there."""
    found = []
    if findings.unanswered:
        found.append(notice("Questions without an answer", findings.unanswered))
    if figures is not None and not figures.requests:
        found.append(
            notice(
                "If there should be something here",
                {
                    "A day that has just ended": "CloudFront writes most of a day's log within hours, all within a day",
                    "An older day": "look at the log delivery of the distribution, and at the logs bucket",
                },
            )
        )
    if not findings.images_known:
        found.append(
            notice(
                "Whose pictures these are is not known",
                {"No export of the images table has them": "run export-images/daily, then this report again"},
            )
        )
    return found
