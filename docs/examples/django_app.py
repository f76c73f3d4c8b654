"""Two-factor authentication in Django, with Django's users and sessions and with codes by email.

python -m pip install 'totpkit[django,vault]'
python django_app.py
"""

import logging
import os
import re
import sys
import time
from math import ceil
from pathlib import Path

import django
from django.conf import settings
from django.contrib import auth as django_auth
from django.contrib.auth.hashers import make_password
from django.core.mail import EmailMultiAlternatives
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.html import format_html
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe
from django.views.static import serve

import totpkit
from totpkit.stores.django import DjangoStore
from totpkit.vault import Vault, key_file

HERE = Path(__file__).parent
os.umask(0o077)  # only this user can read the files that the app writes
DATA = Path(os.environ.get("SHOP_DATA", "django-data"))
DATA.mkdir(mode=0o700, exist_ok=True)


settings.configure(
    SECRET_KEY=key_file(DATA / "session.key").hex(),
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=sys.modules[__name__],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA / "shop.db"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=[
        f"{__name__}.hide_post_data",
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        f"{__name__}.guard",
    ],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [HERE / "templates"]}],
    SESSION_COOKIE_NAME="__Host-shop",
    SESSION_COOKIE_SECURE=True,
    SESSION_COOKIE_AGE=12 * 3600,
    EMAIL_TIMEOUT=10,
    CSRF_USE_SESSIONS=True,
    CSRF_FAILURE_VIEW=lambda request, **_: csrf_failed(request),
    EMAIL_BACKEND=os.environ.get("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend"),  # prints
)
django.setup()

User = django_auth.get_user_model()

# The login: a Django password, then a code from an authenticator app, a recovery code or an emailed code.


def check_password(username: str, password: str, *, context: object) -> str | None:
    user = django_auth.authenticate(context, username=username.lower(), password=password)
    return None if user is None else str(user.pk)


def email_of(account_id: str) -> str:
    return User.objects.get(pk=account_id).get_username()


def send_email(email: totpkit.Email) -> None:
    message = EmailMultiAlternatives(email.subject, email.text, "login@acme.example", [email.to])
    message.attach_alternative(email.html, "text/html")
    message.send()


store = DjangoStore()
auth = totpkit.Authenticator(store, issuer="Acme", vault=Vault({"1": key_file(DATA / "vault.key")}))
email_code = totpkit.EmailCode(auth, mailer=send_email, address_of=email_of)
second = totpkit.TotpCode(auth, label_of=email_of) | totpkit.RecoveryCode(auth) | email_code
keys = [key_file(DATA / "flow.key")]
flow = totpkit.AuthFlow(totpkit.Password(check_password), second, name="shop", keys=keys)
login, self_service = totpkit.SessionLogin(flow), totpkit.SelfService(auth, flow)

WEAK = "This requires a sign-in with a code from your authenticator app. Lost your phone? Move to a new one."
PUBLIC = re.compile("/(login|logout|signup|static/.*)")
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
}


hide_post_data = sensitive_post_parameters()  # keeps passwords and codes out of Django's error reports


def signed_in(request) -> bool:
    """Return whether the user completed this login. Django's other login views do not count."""
    return request.user.is_authenticated and login.account_id(request.session) == str(request.user.pk)


def guard(get_response):
    """Redirect to the login unless it is complete or the page is public."""

    def guarded(request) -> HttpResponse:
        allowed = signed_in(request) or PUBLIC.fullmatch(request.path)
        response = get_response(request) if allowed else redirect("/login")
        for name, value in HEADERS.items():
            response[name] = value
        return response

    return guarded


def page(request, template: str, **shown: object):
    field = format_html('<input type="hidden" name="csrfmiddlewaretoken" value="{}">', get_token(request))
    common = {"csrf": field, "signed_in": signed_in(request), **request.session.pop("message", {})}
    return render(request, template, common | shown)


def go_to(request, where: str, result=None, notice: str = ""):
    """Redirect to a page that shows the public part of a result."""
    public = {} if result is None else result.to_dict()
    wait = ceil(public.get("retry_after") or 0)
    message = {"problem": public.get("problem"), "wait": wait, "notice": notice}
    request.session["message"] = message | {"denied": isinstance(result, totpkit.Denied)}
    return redirect(where)


def sign_up(request):
    if request.method != "POST":
        return page(request, "signup.html")
    email, password = request.POST.get("username", "").lower(), request.POST.get("password", "")
    if not re.fullmatch(r"(?a)[\w.+'-]{1,50}@[\w.-]{1,50}", email) or not 8 <= len(password) <= 200:
        wrong = "Enter a valid email and a password of 8 to 200 characters."
    elif not User.objects.get_or_create(username=email, defaults={"password": make_password(password)})[1]:
        wrong = "An account with this email already exists."
    else:
        return go_to(request, "/login", notice="Welcome! Sign in to set up two-factor authentication.")
    return page(request, "signup.html", email=email, problem="wrong", wrong=wrong)


def log_in(request):
    """Show the current step of the login. A reload or a second tab shows the same step."""
    if request.method == "POST":
        return submit_login(request)
    if login.account_id(request.session) and not signed_in(request):
        request.session.flush()  # Django ended the session: user disabled or password changed
    challenge = login.challenge(request.session)
    if challenge is None:  # already signed in
        return redirect("/")
    if isinstance(challenge, totpkit.Denied):
        return go_to(request, "/login", challenge)
    prompts, by = [prompt.to_dict() for prompt in challenge.prompts], request.GET.get("by")
    prompt, *others = sorted(prompts, key=lambda prompt: prompt["type"] != by)  # the selected one first
    waiting = {"problem": "wait", "wait": ceil(challenge.retry_after)} if challenge.retry_after else {}
    return page(request, f"{prompt['type']}.html", prompt=prompt, others=others, **waiting)


def submit_login(request):
    session = request.session
    try:
        result = login.answer(session, request.POST, context=request)
    except OSError as error:  # from Django's email backend; SMTPException is an OSError
        logging.getLogger("shop").warning("Email could not be sent: %s", type(error).__name__)
        return go_to(request, request.get_full_path(), notice="The email could not be sent. Try again later.")
    session.cycle_key()  # prevents session fixation
    match result:
        case totpkit.Authenticated():
            django_auth.login(request, User.objects.get(pk=result.account_id))
            return new_codes(request) if result.enrolled else redirect(session.pop("next", "/"))
        case totpkit.Denied():
            return go_to(request, "/login", result)
        case totpkit.Challenge():
            return go_to(request, request.get_full_path(), result)


def csrf_failed(request):
    if request.session.is_empty():  # cross-site requests carry no cookie and must not replace it
        return redirect("/login")
    return go_to(request, "/login", totpkit.Denied(totpkit.Reason.TICKET_EXPIRED))


def sign_out(request):
    request.session.flush()
    return go_to(request, "/login", notice="You are signed out.")


# "My account": users can manage the second factor for five minutes after entering a code.


def account(request):
    status = auth.status(str(request.user.pk))
    if status.confirmed_at is None:  # turned off in another browser
        request.session.flush()
        return go_to(request, "/login", totpkit.Denied(totpkit.Reason.PROOF_INVALID))
    since, left = time.strftime("%d %B %Y", time.gmtime(status.confirmed_at)), status.recovery_codes_left
    return page(request, "account.html", email=request.user.get_username(), since=since, left=left)


def show_qr(request):
    return perform(request, self_service.provisioning, "qr.html")


def new_phone(request):
    if request.method == "POST":
        code = request.POST.get("code", "")
        return perform(request, lambda proof: self_service.confirm_enrollment(proof, code))
    return perform(request, self_service.begin_enrollment, "phone.html")


def new_codes(request):
    return perform(request, self_service.new_recovery_codes)


def switch_off(request):
    return perform(request, self_service.switch_off)


def perform(request, action, template: str = ""):
    """Perform the action and show its result. Ask for a new code first if the last one is too old."""
    session = request.session
    match login.perform(session, action):
        case totpkit.Challenge():
            session["next"] = request.path if request.method == "GET" else "/"
            return go_to(request, "/login", notice="Enter a code from your app to continue.")
        case totpkit.Denied(reason=totpkit.Reason.PROOF_INVALID) if login.account_id(session):
            return go_to(request, "/", notice=WEAK)  # signed in with a weaker factor, such as a recovery code
        case totpkit.Denied() as denied:
            return go_to(request, "/login", denied)
        case totpkit.Rejected() as rejected:
            return go_to(request, "/phone", rejected)
        case totpkit.Enrollment() as shown:
            return page(request, template, shown=shown.to_dict())
        case totpkit.NewRecoveryCodes() as codes:
            return page(request, "codes.html", codes=codes)
        case totpkit.Confirmed():
            return go_to(request, "/", notice="Your new phone is set up. Your old phone no longer works.")
        case None:
            session.flush()
            return go_to(request, "/login", notice="Two-factor authentication is turned off.")


urlpatterns = [
    path("", require_safe(account)),
    path("signup", sign_up),
    path("login", log_in),
    path("logout", require_POST(sign_out)),
    path("qr", require_safe(show_qr)),
    path("phone", new_phone),
    path("codes", require_POST(new_codes)),
    path("off", require_POST(switch_off)),
    path("static/<path:path>", serve, {"document_root": HERE / "static"}),
]
call_command("migrate", verbosity=0)
store.create_table()
application = get_wsgi_application()

if __name__ == "__main__":
    call_command("runserver", f"127.0.0.1:{os.environ.get('PORT', '8000')}", "--noreload", "--skip-checks")
