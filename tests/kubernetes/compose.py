"""Compose files as they stand: their text, and what it says."""

from typing import Any

import yaml

from tests.kubernetes.manifests import ROOT


class Loader(yaml.SafeLoader):
    """Knows the tags of Compose, which say how files are merged."""


def _plain(loader: Loader, tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return None


Loader.add_multi_constructor("!", _plain)


def text_of(name: str = "compose.yaml") -> str:
    return (ROOT / name).read_text("utf-8")


def compose(name: str = "compose.yaml") -> dict[str, Any]:
    return yaml.load(text_of(name), Loader)  # noqa: S506 - a safe loader with two tags more
