"""Kept under its former name; it is the same for every app."""

from crm_project.common.admin.job_started import started

__all__ = ["started"]
