"""Template filters for the formats of ``crm_project.common.formats``."""

from django import template

from crm_project.common import formats

register = template.Library()
register.filter("money", formats.money)
register.filter("short_money", formats.short_money)
register.filter("count", formats.count)
