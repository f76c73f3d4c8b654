"""Sphinx configuration. The build needs no network access."""
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
    # No intersphinx: a build without network access must produce the same pages.
    (r"py:.*", r"(bool|bytes|float|int|str|(OS|Attribute|Type|Value)Error)"),
    (r"py:.*", r"(os|str|time|enum|collections)\..*"),
    (r"py:.*", r"(asyncio|redis|sqlalchemy|ssl)\..*"),
    (r"py:class", r"totpkit\..*\.T"),  # a type variable
]
myst_enable_extensions = ["attrs_block", "attrs_inline", "deflist"]
myst_heading_anchors = 3

add_module_names = False
autodoc_member_order = "bysource"
python_maximum_signature_line_length = 120

SHOWN_AS = {
    "~totpkit._account.sync.AsyncResult[": "~collections.abc.Awaitable[",
    "~totpkit._login.session.Session": "~collections.abc.MutableMapping",
}

html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = "totpkit"
html_static_path = ["_static"]
html_css_files = ["totpkit.css"]
html_copy_source = False
html_show_sphinx = False


class CommandHelp(Directive):
    """Shows the ``--help`` output of a command."""

    has_content = False
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the output as a literal block."""
        command = [sys.executable, "-m", "totpkit", *self.arguments, "--help"]
        environment = os.environ | {"COLUMNS": "80", "NO_COLOR": "1"}
        text = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own command
        return [nodes.literal_block(text, text, language="text")]


def by_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.TextElement
) -> nodes.reference | None:
    """Resolve a bare name in a docstring as ``totpkit.<name>``."""
    name = node.get("reftarget", "")
    if node.get("refdomain") != "py" or name not in totpkit.__all__:
        return None
    python = env.domains.python_domain
    return python.resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], f"totpkit.{name}", node, contnode
    )


def show_public_types(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str, returns: str | None
) -> tuple[str | None, str | None]:
    """Show private types in a signature as the standard types that they behave like."""
    del app, what, name, obj, options
    for private, public in SHOWN_AS.items():
        signature = signature and signature.replace(private, public)
        returns = returns and returns.replace(private, public)
    return signature, returns


def setup(app: Sphinx) -> None:
    """Register the directive and the event handlers."""
    app.add_directive("command-help", CommandHelp)
    app.connect("missing-reference", by_public_name)
    app.connect("autodoc-process-signature", show_public_types)
