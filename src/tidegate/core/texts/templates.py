"""Job templates (control reference 3)."""

from __future__ import annotations


def template_exists(template_id: str) -> str:
    """[third hand] CreateJobTemplate."""
    return f"Job Template {template_id} already exists."


def template_missing(template_id: str) -> str:
    """[third hand]"""
    return f"Job Template {template_id} cannot be found."


def not_a_template_arn(text: str) -> str:
    """[R] ``jobTemplateArn`` of CreateJob."""
    return f"{text} is not the ARN of a job template of this account and region."
