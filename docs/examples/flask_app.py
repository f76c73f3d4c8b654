"""Two-factor authentication in Flask. All data is stored in SQLite.

python -m pip install 'totpkit[vault]' flask flask-wtf
python flask_app.py
"""

import os
import re
import secrets
import sqlite3
import time
from contextlib import closing
from math import ceil
from pathlib import Path

import flask_wtf.csrf
from flask import Flask, redirect, render_template, request, session
from markupsafe import Markup
from werkzeug.security import check_password_hash, generate_password_hash

import totpkit
from totpkit.stores.sqlite import SQLiteStore
from totpkit.vault import Vault, key_file

os.umask(0o077)  # only this user can read the files that the app writes
DATA = Path(os.environ.get("SHOP_DATA", "flask-data"))
DATA.mkdir(mode=0o700, exist_ok=True)


# The app's users.


def query(sql: str, *values: str):
    with closing(sqlite3.connect(DATA / "users.db", isolation_level=None)) as db:
        return db.execute(sql, values).fetchone()


query("CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, email TEXT UNIQUE, hash TEXT)")
UNKNOWN = (None, generate_password_hash(secrets.token_hex()))  # an unknown email takes just as long


def check_password(username: str, password: str) -> str | None:
    account_id, right = query("SELECT id, hash FROM users WHERE email = ?", username.lower()) or UNKNOWN
    return account_id if check_password_hash(right, password) else None


def email_of(account_id: str) -> str:
    return query("SELECT email FROM users WHERE id = ?", account_id)[0]


# The login: a password, then a code from an authenticator app or a recovery code.

vault = Vault({"1": key_file(DATA / "vault.key")})
auth = totpkit.Authenticator(SQLiteStore(DATA / "totp.db"), issuer="Acme", vault=vault)
second = totpkit.TotpCode(auth, label_of=email_of) | totpkit.RecoveryCode(auth)
keys = [key_file(DATA / "flow.key")]
flow = totpkit.AuthFlow(totpkit.Password(check_password), second, name="shop", keys=keys)
login, self_service = totpkit.SessionLogin(flow), totpkit.SelfService(auth, flow)

app = Flask(__name__)
app.secret_key = key_file(DATA / "session.key")
app.config.update(
    SESSION_COOKIE_NAME="__Host-shop",
    SESSION_COOKIE_SECURE=True,
    SESSION_COOKIE_SAMESITE="Lax",
    WTF_CSRF_TIME_LIMIT=None,  # valid as long as the session, so that "Sign out" works on an old page
)
flask_wtf.csrf.CSRFProtect(app)
WEAK = "This requires a sign-in with a code from your authenticator app. Lost your phone? Move to a new one."
PUBLIC = {"show_login", "submit_login", "sign_up", "sign_out", "static"}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


@app.before_request
def require_login():
    """Redirect to the login unless it is complete or the page is public."""
    return None if request.endpoint in PUBLIC or login.account_id(session) else redirect("/login", 303)


@app.after_request
def add_headers(response):
    response.headers.update(HEADERS)
    return response


@app.context_processor
def common_values():
    csrf = Markup('<input type="hidden" name="csrf_token" value="{}">').format(flask_wtf.csrf.generate_csrf())
    return {"csrf": csrf, "signed_in": login.account_id(session), **session.pop("message", {})}


def go_to(page: str, result=None, notice: str = ""):
    """Redirect to a page that shows the public part of a result."""
    public = {} if result is None else result.to_dict()
    wait = ceil(public.get("retry_after") or 0)
    message = {"problem": public.get("problem"), "wait": wait, "notice": notice}
    session["message"] = message | {"denied": isinstance(result, totpkit.Denied)}
    return redirect(page, 303)


@app.route("/signup", methods=["GET", "POST"])
def sign_up():
    if request.method != "POST":
        return render_template("signup.html")
    email, password = request.form.get("username", "").lower(), request.form.get("password", "")
    user = (secrets.token_hex(16), email, generate_password_hash(password))
    if not re.fullmatch(r"(?a)[\w.+'-]{1,50}@[\w.-]{1,50}", email) or not 8 <= len(password) <= 200:
        wrong = "Enter a valid email and a password of 8 to 200 characters."
    elif query("INSERT INTO users VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING id", *user) is None:
        wrong = "An account with this email already exists."
    else:
        return go_to("/login", notice="Welcome! Sign in to set up two-factor authentication.")
    return render_template("signup.html", email=email, problem="wrong", wrong=wrong)


@app.get("/login")
def show_login():
    """Show the current step of the login. A reload or a second tab shows the same step."""
    challenge = login.challenge(session)
    if challenge is None:  # already signed in
        return redirect("/", 303)
    if isinstance(challenge, totpkit.Denied):
        return go_to("/login", challenge)
    prompts, by = [prompt.to_dict() for prompt in challenge.prompts], request.args.get("by")
    prompt, *others = sorted(prompts, key=lambda prompt: prompt["type"] != by)  # the selected one first
    waiting = {"problem": "wait", "wait": ceil(challenge.retry_after)} if challenge.retry_after else {}
    return render_template(f"{prompt['type']}.html", prompt=prompt, others=others, **waiting)


@app.post("/login")
def submit_login():
    match login.answer(session, request.form):
        case totpkit.Authenticated() as result:
            return new_codes() if result.enrolled else redirect(session.pop("next", "/"), 303)
        case totpkit.Denied() as denied:
            return go_to("/login", denied)
        case totpkit.Challenge() as challenge:
            return go_to(request.full_path, challenge)


@app.errorhandler(flask_wtf.csrf.CSRFError)
def csrf_failed(_):
    if not session:  # cross-site requests carry no cookie and must not replace it
        return redirect("/login", 303)
    return go_to("/login", totpkit.Denied(totpkit.Reason.TICKET_EXPIRED))


@app.post("/logout")
def sign_out():
    session.clear()
    return go_to("/login", notice="You are signed out.")


# "My account": users can manage the second factor for five minutes after entering a code.


@app.get("/")
def account():
    account_id = login.account_id(session)
    status = auth.status(account_id)
    if status.confirmed_at is None:  # turned off in another browser
        session.clear()
        return go_to("/login", totpkit.Denied(totpkit.Reason.PROOF_INVALID))
    since, left = time.strftime("%d %B %Y", time.gmtime(status.confirmed_at)), status.recovery_codes_left
    return render_template("account.html", email=email_of(account_id), since=since, left=left)


@app.get("/qr")
def show_qr():
    return perform(self_service.provisioning, "qr.html")


@app.get("/phone")
def new_phone():
    return perform(self_service.begin_enrollment, "phone.html")


@app.post("/phone")
def confirm_phone():
    return perform(lambda proof: self_service.confirm_enrollment(proof, request.form.get("code", "")))


@app.post("/codes")
def new_codes():
    return perform(self_service.new_recovery_codes)


@app.post("/off")
def switch_off():
    return perform(self_service.switch_off)


def perform(action, template: str = ""):
    """Perform the action and show its result. Ask for a new code first if the last one is too old."""
    match login.perform(session, action):
        case totpkit.Challenge():
            session["next"] = request.path if request.method == "GET" else "/"
            return go_to("/login", notice="Enter a code from your app to continue.")
        case totpkit.Denied(reason=totpkit.Reason.PROOF_INVALID) if login.account_id(session):
            return go_to("/", notice=WEAK)  # signed in with a recovery code; a second one would not help
        case totpkit.Denied() as denied:
            return go_to("/login", denied)
        case totpkit.Rejected() as rejected:
            return go_to("/phone", rejected)
        case totpkit.Enrollment() as shown:
            return render_template(template, shown=shown.to_dict())
        case totpkit.NewRecoveryCodes() as codes:
            return render_template("codes.html", codes=codes)
        case totpkit.Confirmed():
            return go_to("/", notice="Your new phone is set up. Your old phone no longer works.")
        case None:
            session.clear()
            return go_to("/login", notice="Two-factor authentication is turned off.")


if __name__ == "__main__":
    app.run(port=int(os.environ.get("PORT", "8000")))
