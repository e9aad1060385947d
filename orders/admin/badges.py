"""Counters beside the sidebar's entries of the orders app."""

from orders.selectors.labels import pending_labels as pending_labels
