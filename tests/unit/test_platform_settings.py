"""What the platform's tables refuse, and in which words: storage, domain, budget, alarms."""

import pytest

from lambdas.core.settings import SETTINGS_FILE, SettingsError, parse_settings

TEXT = SETTINGS_FILE.read_text(encoding="utf-8")
ZONE = 'hosted_zone = { id = "Z0123456789EXAMPLE", name = "example.com" }'


def laid(table: str) -> str:
    """Return the file with a table for the stage ``trial``."""
    return f"{TEXT}\n[stage.trial]\n{table}\n"


@pytest.mark.parametrize(
    ("table", "field", "said"),
    [
        (
            'storage.originals_class = "infrequent_access"\nstorage.originals_class_days = 7',
            "storage",
            "expected originals_class_days of at least 30 for infrequent_access",
        ),
        ("storage.restore_days = 36", "storage.restore_days", "less than or equal to 35 but received 36"),
        ("storage.log_retention_days = 31", "storage.log_retention_days", "but received 31"),
        ('storage.edge_log_regions = ["Frankfurt"]', "storage.edge_log_regions.0", "but received 'Frankfurt'"),
        ('domain = { names = ["img.example.com"] }', "domain", "expected a certificate_arn or a hosted_zone"),
        (
            f'domain.names = ["img.example.org"]\ndomain.{ZONE}',
            "domain",
            "expected names that end in example.com but received ['img.example.org']",
        ),
        (
            'domain.names = ["img.example.com"]\n'
            'domain.certificate_arn = "arn:aws:acm:eu-west-1:000000000000:certificate/x"',
            "domain.certificate_arn",
            "us-east-1",
        ),
        ("budget = { monthly_usd = 0, notify_percent = [80] }", "budget.monthly_usd", "greater than 0 but received 0"),
        ("budget = { monthly_usd = 5, notify_percent = [] }", "budget.notify_percent", "at least 1 item"),
        ('alarms.emails = ["nobody"]', "alarms.emails.0", "but received 'nobody'"),
        ('alarms.webhooks = ["http://example.com"]', "alarms.webhooks.0", "but received 'http://example.com'"),
        ("alarms.dead_letter_age_days = 14", "alarms.dead_letter_age_days", "less than or equal to 13"),
    ],
)
def test_it_says_which_field_what_was_expected_and_what_it_holds(table: str, field: str, said: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        parse_settings(laid(table), "trial")
    assert f"(stage trial): {field}: " in str(refusal.value)
    assert said in str(refusal.value)


@pytest.mark.parametrize("name", ["example.com", "img.example.com", "a.b.example.com"])
def test_a_name_within_its_zone_is_taken(name: str) -> None:
    settings = parse_settings(laid(f'domain.names = ["{name}"]\ndomain.{ZONE}'), "trial")
    assert settings.domain
    assert settings.domain.names == (name,)
