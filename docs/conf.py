"""How Sphinx builds the documentation. Needs no network."""
# ruff: noqa: INP001 - Sphinx reads it as a file

import os
import subprocess
import sys

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import totpkit

project = "totpkit"
project_copyright = "the totpkit maintainers"

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
nitpicky = True
nitpick_ignore_regex = [
    # Not fetched from docs.python.org: a build without network must give the same pages.
    (r"py:.*", r"(bool|bytes|float|int|str|(OS|Attribute|Type|Value)Error)"),
    (r"py:.*", r"(os|str|time|enum|collections)\..*"),
    (r"py:.*", r"(asyncio|redis|sqlalchemy|ssl)\..*"),
    (r"py:class", r"totpkit\..*\.T"),  # a type variable
]
myst_enable_extensions = ["attrs_block", "attrs_inline", "deflist"]
myst_heading_anchors = 3

add_module_names = False
autodoc_member_order = "bysource"
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = "totpkit"
html_static_path = ["_static"]
html_css_files = ["totpkit.css"]
html_copy_source = False
html_show_sphinx = False


class CommandHelp(Directive):
    """Shows what a command of the command line prints with ``--help``."""

    has_content = False
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return it as a literal block."""
        command = [sys.executable, "-m", "totpkit", *self.arguments, "--help"]
        environment = os.environ | {"COLUMNS": "80", "NO_COLOR": "1"}
        text = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own
        return [nodes.literal_block(text, text, language="text")]


def by_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.TextElement
) -> nodes.reference | None:
    """Resolve a bare name that a docstring uses, from whatever module, as ``totpkit.<name>``."""
    name = node.get("reftarget", "")
    if node.get("refdomain") != "py" or name not in totpkit.__all__:
        return None
    python = env.domains.python_domain
    return python.resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], f"totpkit.{name}", node, contnode
    )


def setup(app: Sphinx) -> None:
    """Register what this project adds to Sphinx."""
    app.add_directive("command-help", CommandHelp)
    app.connect("missing-reference", by_public_name)
