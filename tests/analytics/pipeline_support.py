"""A pipeline of steps that a test makes up, in the place of the real ones."""

from analytics.services import pipeline_registry as registry
from crm_project.common.exceptions import CrmError


def step(name, position, *, work=None, **options):
    """A step that succeeds, unless ``work`` says otherwise."""
    return registry.Step(
        name,
        name.capitalize(),
        position,
        work or (lambda context: rows(position)),
        **options,
    )


def install(monkeypatch, *steps):
    """Let the pipeline consist of these steps alone."""
    monkeypatch.setattr(registry, "OURS", tuple(one.name for one in steps))
    monkeypatch.setattr(registry, "_steps", {one.name: one for one in steps})


def outcomes(run):
    return {row.name: row.status for row in run.steps.order_by("position")}


def rows(count):
    """What a step gives back that wrote so many rows."""
    return registry.StepResult(rows=count)


def fails(context):
    """The work of a step that ends with an error for people."""
    raise CrmError("The step says no.")
