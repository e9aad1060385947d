"""Each alert fires when it should and not a step before: asked of Prometheus' own promtool."""

import re
import shutil
import subprocess

import pytest
import yaml

from tests.kubernetes.alert_cases import CASES, Case
from tests.kubernetes.test_monitoring import MONITORING, rules

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="There is no promtool (tests/kubernetes/install.sh)."
)


def patience(rule):
    """Minutes for which the rule looks on before it says anything."""
    number, unit = re.fullmatch(r"(\d+)([mh])", rule.get("for", "0m")).groups()
    return int(number) * (60 if unit == "h" else 1)


def expected(rule, case: Case):
    words = rule["annotations"]["summary"]
    for name, value in case.labels.items():
        words = words.replace(f"{{{{ $labels.{name} }}}}", value)
    labels = {**case.labels, **rule["labels"]}
    said = {**rule["annotations"], "summary": words}
    return [{"exp_labels": labels, "exp_annotations": said}]


def ask(alert, minute, wanted):
    return {"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": wanted}


def questions(alert, case):
    """Fires in the end, not before its patience is over, and never where all is well."""
    rule, last = rules()[alert], case.minutes
    bad = [ask(alert, last, expected(rule, case))]
    if wait := patience(rule):
        bad.append(ask(alert, wait // 2, []))
    return [
        *(
            {"interval": "1m", "input_series": series(one), "alert_rule_test": bad}
            for one in (case.fires, *case.also)
        ),
        {
            "interval": "1m",
            "input_series": series(case.quiet),
            "alert_rule_test": [ask(alert, last, [])],
        },
    ]


def series(said):
    return [{"series": name, "values": values} for name, values in said.items()]


def promtool(folder, groups, alerts=CASES):
    """Let promtool judge these cases by these rules; return how it ended and what it said."""
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    tests = [one for alert in alerts for one in questions(alert, CASES[alert])]
    asked = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}
    (folder / "tests.yaml").write_text(yaml.safe_dump(asked))
    command = [PROMTOOL, "test", "rules", str(folder / "tests.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    return done.returncode, done.stdout + done.stderr


def groups_in_git():
    return yaml.safe_load((MONITORING / "alerts.yaml").read_text("utf-8"))["spec"]["groups"]


def test_every_alert_has_a_case():
    assert set(CASES) == set(rules())


@needs_promtool
def test_alerts_fire_when_they_should_and_not_before(tmp_path):
    code, said = promtool(tmp_path, groups_in_git())

    assert code == 0, said


@needs_promtool
@pytest.mark.parametrize("alert", CASES)
def test_a_rule_that_sleeps_is_noticed(tmp_path, alert):
    """The guard of the guard: the same question of a rule that can never fire."""
    groups = groups_in_git()
    for group in groups:
        for rule in group["rules"]:
            if rule["alert"] == alert:
                rule["expr"] = f"({rule['expr']}) and on() vector(1) > 2"

    code, said = promtool(tmp_path, groups, [alert])

    assert code != 0
    assert alert in said
