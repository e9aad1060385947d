"""What the code reads and what the documentation says stay the same."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
READERS = {"env", "environ", "getenv"}
# PostgreSQL's own library reads these, and other programs of its kind.
OF_POSTGRESQL = {"PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"}
NAME = re.compile(r"^[A-Z][A-Z0-9_]+$")


def dotted(node):
    """Return the names of ``a.b.c`` as a set; of anything else, an empty one."""
    names = set()
    while isinstance(node, ast.Attribute):
        names.add(node.attr)
        node = node.value
    return names | {node.id} if isinstance(node, ast.Name) else names


def variables_read_in(source):
    """Return the literal names in ``env.str("X")``, ``os.environ.get("X")``, ``environ["X"]``."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args:
            reader, argument = node.func, node.args[0]
        elif isinstance(node, ast.Subscript):
            reader, argument = node.value, node.slice
        else:
            continue
        if isinstance(argument, ast.Constant) and READERS & dotted(reader):
            found.add(str(argument.value))
    return {name for name in found if NAME.match(name)}


def variables_read():
    files = [ROOT / "manage.py", ROOT / "tests" / "services_plugin.py"]
    files += (ROOT / "crm_project").rglob("*.py")
    found = set().union(*(variables_read_in(path.read_text("utf-8")) for path in files))
    for name in ("compose.yaml", "compose.ha.yaml"):
        found |= set(re.findall(r"\$\{([A-Z0-9_]+)", (ROOT / name).read_text("utf-8")))
    return found - {"DJANGO_SETTINGS_MODULE", "PYTEST_XDIST_WORKER"}


def variables_documented():
    text = (ROOT / ".env.example").read_text("utf-8")
    return re.findall(r"^# ([A-Z][A-Z0-9_]+)=", text, re.MULTILINE)


def test_every_variable_that_is_read_is_documented():
    assert variables_read() - set(variables_documented()) == set()


def test_every_documented_variable_is_read():
    assert set(variables_documented()) - variables_read() - OF_POSTGRESQL == set()


def test_no_variable_is_documented_twice():
    assert len(variables_documented()) == len(set(variables_documented()))


def test_a_copy_of_the_example_changes_nothing():
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


def test_the_finder_sees_each_way_of_reading_a_variable():
    source = 'env.str("A1", default="NO"); os.environ.get("B1"); os.environ["C1"]; getenv("D1")'
    assert variables_read_in(source) == {"A1", "B1", "C1", "D1"}
    assert variables_read_in('settings.get("E1"); rows["F1"]') == set()


def test_the_readme_names_the_targets_of_the_makefile():
    makefile, readme = (ROOT / name for name in ("Makefile", "README.md"))
    targets = re.findall(r"^([a-z-]+):.*## ", makefile.read_text("utf-8"), re.MULTILINE)

    assert {"help", "demo", "test", "lint", "bench", "run", "fmt"} <= set(targets)
    named = re.findall(r"make ([a-z-]+)", readme.read_text("utf-8"))
    assert set(named) <= set(targets)
    assert set(targets) - set(named) <= {"fmt", "requirements", "clean"}


def test_continuous_integration_runs_what_a_person_would():
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    commands = {line.strip() for line in script.splitlines()}
    assert {"make lint", "make test"} <= commands


def test_the_readme_names_every_command():
    readme = (ROOT / "README.md").read_text("utf-8")
    apps = ("crm_project/common", "customers", "orders", "analytics", "recommendations")
    files = [path for app in apps for path in (ROOT / app / "management/commands").glob("*.py")]
    commands = {path.stem for path in files} - {"__init__"}

    assert {command for command in commands if command not in readme} == set()
    assert {"consume_signals", "issue_token", "demo"} <= commands


def section(page, heading):
    """Return what stands below a heading, up to the next one of its kind."""
    text = (ROOT / page).read_text("utf-8")
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def test_the_runbook_says_what_to_do_on_each_alert():
    rules = (ROOT / "k8s" / "monitoring" / "alerts.yaml").read_text("utf-8")
    alerts = re.findall(r"- alert: (\w+)", rules)
    headings = re.findall(r"^### (.+)$", section("docs/runbook.md", "Alerts"), re.MULTILINE)

    assert len(alerts) > 20
    assert sorted(alerts) == sorted(name for heading in headings for name in heading.split(", "))


def test_each_alert_leads_to_its_part_of_the_runbook():
    rules = (ROOT / "k8s" / "monitoring" / "alerts.yaml").read_text("utf-8")
    alerts = re.split(r"^ *- alert: ", rules, flags=re.MULTILINE)[1:]
    led_to = {one.split("\n")[0]: re.findall(r"runbook: (\S+)#(\S+)\n", one) for one in alerts}

    for alert, links in led_to.items():
        ((page, anchor),) = links
        assert anchor in anchors(ROOT / page)
        assert alert.lower() in anchor.split("-"), alert


def test_the_runbook_says_how_each_secret_is_changed():
    secret = re.compile(r"(?<!SSL)KEY$|PASSWORD$|TOKEN$|DSN$|_URL$")
    told = section("docs/runbook.md", "Changing secrets")
    # Of these the credential stands beside them, or there is none in them.
    others = {"CRM_BACKUP_URL", "CRM_ARCHIVE_URL", "CRM_EMBEDDING_BASE_URL"}
    others |= {"CRM_BACKUP_S3_ACCESS_KEY", "CRM_BACKUP_DATABASE_URL"}
    named = {name for name in variables_documented() if secret.search(name)}

    assert {"DJANGO_SECRET_KEY", "REDIS_URL", "CRM_BACKUP_KEY"} <= named
    assert {name for name in named - others if f"`{name}`" not in told} == set()


def anchors(path):
    """Return the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {word.strip().replace(" ", "-") for word in words}


def dead_links(page):
    """Yield links of a page that lead to no file of ours, or to no heading of it."""
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield f"{page.relative_to(ROOT)}: {link}"


def test_links_lead_to_files_and_headings_that_are_there():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("k8s/*.md")]

    assert len(pages) > 10
    assert [link for page in pages for link in dead_links(page)] == []
