"""A login by password and phone in Django, with its own users and sessions, and codes by email.

python -m pip install 'totpkit[django,vault]'
python django_app.py
"""

import logging
import os
import re
import sys
import time
from datetime import timedelta
from math import ceil
from pathlib import Path

import django
from django.conf import settings
from django.contrib.auth import authenticate, get_user_model, login
from django.contrib.auth.hashers import make_password
from django.core.mail import EmailMultiAlternatives
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.html import format_html
from django.utils.timezone import now
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe
from django.views.static import serve

import totpkit
from totpkit.stores.django import DjangoStore
from totpkit.vault import Vault, key_file

HERE = Path(__file__).parent
os.umask(0o077)  # what is written here is for no other user
DATA = Path(os.environ.get("SHOP_DATA", "django-data"))
DATA.mkdir(mode=0o700, exist_ok=True)


settings.configure(
    SECRET_KEY=key_file(DATA / "session.key").hex(),
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=sys.modules[__name__],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA / "shop.db"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=[
        f"{__name__}.unreported",
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
    CSRF_FAILURE_VIEW=lambda request, **_: stale(request),
    EMAIL_BACKEND=os.environ.get("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend"),  # prints
)
django.setup()
logging.getLogger().addHandler(logging.StreamHandler())  # Django's own shows no other loggers

User = get_user_model()

# The login: Django's own users and passwords, and then a code of the phone, by email, or for recovery.


def check_password(username: str, password: str, *, context: object) -> str | None:
    user = authenticate(context, username=username.lower(), password=password)
    return None if user is None else str(user.pk)


def email_of(account_id: str) -> str:
    return User.objects.get(pk=account_id).get_username()


def send(mail: totpkit.Mail) -> None:
    message = EmailMultiAlternatives(mail.subject, mail.text, "login@acme.example", [mail.to])
    message.attach_alternative(mail.html, "text/html")
    message.send()


store = DjangoStore()
auth = totpkit.Authenticator(store, issuer="Acme", vault=Vault({"1": key_file(DATA / "vault.key")}))
by_mail = totpkit.EmailedCode(auth, mailer=send, address_of=email_of)
second = totpkit.Totp(auth, label_of=email_of) | totpkit.RecoveryCode(auth) | by_mail
keys = [key_file(DATA / "flow.key")]
flow = totpkit.AuthFlow(totpkit.Password(check_password), second, name="shop", keys=keys)
own = totpkit.SelfService(auth, flow)

WEAK = "Only a sign-in with a code of your phone is enough for that. Is it lost? Move to a new one."
OPEN = re.compile("/(login|logout|signup|static/.*)")
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
}


unreported = sensitive_post_parameters()  # Django's reports of errors show neither passwords nor codes


def signed_in(request) -> bool:
    """Tell whether somebody has passed the whole login: who came in by another way of Django's has not."""
    return request.user.is_authenticated and "proof" in request.session


def guard(get_response):
    """Let nobody further in who has not passed the whole login."""

    def guarded(request) -> HttpResponse:
        may = signed_in(request) or OPEN.fullmatch(request.path)
        response = get_response(request) if may else redirect("/login")
        for name, value in HEADERS.items():
            response[name] = value
        return response

    return guarded


def page(request, template: str, **shown: object):
    field = format_html('<input type="hidden" name="csrfmiddlewaretoken" value="{}">', get_token(request))
    common = {"csrf": field, "signed_in": signed_in(request), **request.session.pop("told", {})}
    return render(request, template, common | shown)


def tell(request, where: str, result=None, notice: str = ""):
    """Go to a page, and say there what the visitor may know of a result."""
    said = {} if result is None else result.to_dict()
    told = {"problem": said.get("problem"), "wait": ceil(said.get("retry_after") or 0), "notice": notice}
    request.session["told"] = told | {"denied": isinstance(result, totpkit.Denied)}
    return redirect(where)


def sign_up(request):
    if request.method != "POST":
        return page(request, "signup.html")
    email, password = request.POST.get("username", "").lower(), request.POST.get("password", "")
    if not re.fullmatch(r"(?a)[\w.+'-]{1,50}@[\w.-]{1,50}", email) or not 8 <= len(password) <= 200:
        wrong = "Email or password won't do."
    elif not User.objects.get_or_create(username=email, defaults={"password": make_password(password)})[1]:
        wrong = "This email is taken."
    else:
        return tell(request, "/login", notice="Welcome. Sign in, and set up your phone.")
    return page(request, "signup.html", email=email, problem="wrong", wrong=wrong)


def log_in(request):
    return answer(request) if request.method == "POST" else ask(request)


def ask(request):
    """Show what the login asks for now: the same after a reload, the back button, in a second tab."""
    ticket = request.session.get("ticket")
    if ticket is None and signed_in(request):
        return redirect("/")
    challenge = flow.resume(ticket) if ticket else flow.begin()
    if isinstance(challenge, totpkit.Denied):
        return begin_again(request, challenge)
    request.session["ticket"] = challenge.ticket
    prompts, by = [prompt.to_dict() for prompt in challenge.prompts], request.GET.get("by")
    prompt, *others = sorted(prompts, key=lambda prompt: prompt["type"] != by)  # first the one asked for
    waiting = {"problem": "wait", "wait": ceil(challenge.retry_after)} if challenge.retry_after else {}
    return page(request, f"{prompt['type']}.html", prompt=prompt, others=others, **waiting)


def answer(request):
    session = request.session
    try:
        given = totpkit.parse_answer(request.POST)
        result = flow.submit(session.get("ticket", ""), given, context=request)
    except totpkit.InvalidPayloadError:  # no form of ours
        return begin_again(request, totpkit.Denied(totpkit.Reason.TICKET_INVALID))
    except OSError as error:  # of Django's mail; those of SMTP are among them
        logging.getLogger("shop").warning("A mail did not leave: %s", type(error).__name__)
        return tell(request, request.get_full_path(), notice="The mail did not leave. Try again later.")
    match result:
        case totpkit.Authenticated():
            where = session.get("next", "/")
            session.flush()  # nothing of the stranger's session lives on
            login(request, User.objects.get(pk=result.account_id))
            session["proof"] = result.proof
            session.set_expiry(now() + timedelta(hours=12))  # however often it is used
            return new_codes(request) if result.enrolled else redirect(where)
        case totpkit.Denied():
            return begin_again(request, result)
        case totpkit.Challenge():
            session.cycle_key()  # who planted the session must not share it from here on
            session["ticket"] = result.ticket
            return tell(request, request.get_full_path(), result)


def stale(request):
    if request.session.is_empty():  # from another site it comes without the cookie, and must not replace it
        return redirect("/login")
    return tell(request, "/login", totpkit.Denied(totpkit.Reason.TICKET_EXPIRED))


def begin_again(request, denied: totpkit.Denied):
    request.session.pop("ticket", None)
    return tell(request, "/login", denied)


def sign_out(request):
    request.session.flush()
    return tell(request, "/login", notice="You are signed out.")


# My account: what its owner may do to the phone, for five minutes after a code.


def account(request):
    status = auth.status(str(request.user.pk))
    if status.confirmed_at is None:  # switched off meanwhile, in another browser
        request.session.flush()
        return begin_again(request, totpkit.Denied(totpkit.Reason.PROOF_INVALID))
    since, left = time.strftime("%d %B %Y", time.gmtime(status.confirmed_at)), status.recovery_codes_left
    return page(request, "account.html", email=request.user.get_username(), since=since, left=left)


def same_qr(request):
    return done(request, own.provisioning(request.session["proof"]), "qr.html")


def new_phone(request):
    if request.method == "POST":
        return done(request, own.confirm_replacement(request.session["proof"], request.POST.get("code", "")))
    return done(request, own.begin_replacement(request.session["proof"]), "phone.html")


def new_codes(request):
    return done(request, own.new_recovery_codes(request.session["proof"]))


def switch_off(request):
    return done(request, own.switch_off(request.session["proof"]))


def done(request, result, template: str = ""):
    """Show what came of it, and keep the new proof; after five minutes ask for a code again first."""
    match result:
        case totpkit.Denied():
            return step_up(request, result)
        case totpkit.Rejected():
            return tell(request, "/phone", result)
        case totpkit.Enrollment():
            return page(request, template, shown=result.to_dict())
        case totpkit.Confirmed():
            request.session["proof"] = result.proof
            return tell(request, "/", notice="Your new phone works now, and the old one does not.")
        case totpkit.NewRecoveryCodes():
            request.session["proof"] = result.proof
            return page(request, "codes.html", codes=result)
        case None:
            request.session.flush()
            return tell(request, "/login", notice="Your phone is switched off.")


def step_up(request, denied: totpkit.Denied):
    """Ask for a code again and come back; who may not step up begins again."""
    session = request.session
    challenge = flow.begin_step_up(session["proof"])
    if isinstance(challenge, totpkit.Denied):
        session.flush()
        return begin_again(request, challenge)
    if denied.reason is not totpkit.Reason.PROOF_EXPIRED:  # in by a lesser factor, as another time would be
        return tell(request, "/", notice=WEAK)
    session.update({"ticket": challenge.ticket, "next": request.path if request.method == "GET" else "/"})
    return tell(request, "/login", notice="First confirm it with a code of your phone.")


urlpatterns = [
    path("", require_safe(account)),
    path("signup", sign_up),
    path("login", log_in),
    path("logout", require_POST(sign_out)),
    path("qr", require_safe(same_qr)),
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
