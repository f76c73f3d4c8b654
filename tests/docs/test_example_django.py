"""Error reports of the Django example."""

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

REPORT = """
import django_app
from django.test import RequestFactory
from django.utils.module_loading import import_string
from django.views.debug import get_exception_reporter_filter

def view(request):
    reported = get_exception_reporter_filter(request).get_post_parameters(request)
    return django_app.HttpResponse(" ".join(reported.values()))

request = RequestFactory().post("/login", {"password": "correct horse", "code": "271828"})
first = import_string(django_app.settings.MIDDLEWARE[0])
print(first(view)(request).content.decode())
"""


def test_reports(tmp_path: Path) -> None:
    """Django's error reports contain neither passwords nor codes."""
    environment = {"SHOP_DATA": str(tmp_path / "data"), "PYTHONPATH": str(EXAMPLES)}
    done = subprocess.run(
        [sys.executable, "-c", REPORT],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr, set(done.stdout.strip()) - {" "}) == ("", {"*"})
