"""Two-factor authentication in FastAPI, as pages and as JSON. Records are stored in Redis or SQLite.

python -m pip install 'totpkit[redis,vault]' fastapi uvicorn jinja2 python-multipart 'pwdlib[argon2]'
python fastapi_app.py

Pages and JSON share the same URLs: API clients send ``Accept: application/json`` and keep the cookie.
"""

import asyncio
import os
import re
import secrets
import sqlite3
import time
from contextlib import closing
from math import ceil
from pathlib import Path
from typing import Annotated

import redis.asyncio
import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from pwdlib import PasswordHash
from pydantic import TypeAdapter
from starlette.middleware.sessions import SessionMiddleware

import totpkit
from totpkit.stores.redis import AsyncRedisStore
from totpkit.stores.sqlite import SQLiteStore
from totpkit.stores.threaded import ThreadedStore
from totpkit.vault import Vault, key_file

HERE = Path(__file__).parent
os.umask(0o077)  # only this user can read the files that the app writes
DATA = Path(os.environ.get("SHOP_DATA", "fastapi-data"))
DATA.mkdir(mode=0o700, exist_ok=True)


# The app's users. Database access and password hashing run in worker threads.


def query(sql: str, *values: str):
    with closing(sqlite3.connect(DATA / "users.db", isolation_level=None)) as db:
        return db.execute(sql, values).fetchone()


query("CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, email TEXT UNIQUE, hash TEXT)")
ADD_USER = "INSERT INTO users VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING id"
hasher = PasswordHash.recommended()
UNKNOWN = (None, hasher.hash(secrets.token_hex()))  # an unknown email takes just as long


async def check_password(username: str, password: str) -> str | None:
    find = "SELECT id, hash FROM users WHERE email = ?"
    account_id, right = await asyncio.to_thread(query, find, username.lower()) or UNKNOWN
    return account_id if await asyncio.to_thread(hasher.verify, password, right) else None


async def email_of(account_id: str) -> str:
    return (await asyncio.to_thread(query, "SELECT email FROM users WHERE id = ?", account_id))[0]


# The login: a password, then a code from an authenticator app or a recovery code.

if "REDIS_URL" in os.environ:
    store = AsyncRedisStore(redis.asyncio.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=2))
else:
    store = ThreadedStore(SQLiteStore(DATA / "totp.db"))
auth = totpkit.AsyncAuthenticator(store, issuer="Acme", vault=Vault({"1": key_file(DATA / "vault.key")}))
second = totpkit.TotpCode(auth, label_of=email_of) | totpkit.RecoveryCode(auth)
keys = [key_file(DATA / "flow.key")]
flow = totpkit.AsyncAuthFlow(totpkit.Password(check_password), second, name="shop", keys=keys)
login, self_service = totpkit.AsyncSessionLogin(flow), totpkit.AsyncSelfService(auth, flow)

app = FastAPI(title="Acme", docs_url=None, redoc_url=None)
app.mount("/static", StaticFiles(directory=HERE / "static"))
templates = Jinja2Templates(HERE / "templates")
WEAK = "This requires a sign-in with a code from your authenticator app. Lost your phone? Move to a new one."
RESTART = {"type": "denied", "problem": "restart"}
PUBLIC = re.compile("/login|/logout|/signup|/static/.*")
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def is_cross_site(request: Request) -> bool:
    """Return whether the browser's headers say that another origin sent the request."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site not in ("same-origin", "none")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host")


@app.middleware("http")
async def guard(request: Request, call_next):
    """Reject cross-site changes, and require a complete login for every page that is not public."""
    if request.method not in ("GET", "HEAD") and is_cross_site(request):
        response = JSONResponse(RESTART, 403)
    elif login.account_id(request.session) or PUBLIC.fullmatch(request.scope["path"]):
        response = await call_next(request)
    else:
        response = JSONResponse(RESTART, 401) if wants_json(request) else RedirectResponse("/login", 303)
    response.headers.update(HEADERS)
    return response


# The middleware that is added last runs first.
cookie = {"session_cookie": "__Host-shop", "https_only": True, "max_age": 12 * 3600}
app.add_middleware(SessionMiddleware, secret_key=key_file(DATA / "session.key").hex(), **cookie)


@app.exception_handler(totpkit.StoreError)
async def unavailable(request: Request, _: totpkit.StoreError):
    if wants_json(request):
        return JSONResponse({"type": "denied", "problem": "wait", "retry_after": 10}, 503)
    return PlainTextResponse("Codes cannot be verified right now. Please try again in a moment.", 503)


def wants_json(request: Request) -> bool:
    """Return whether the client wants JSON, as single-page and mobile apps do."""
    return "application/json" in request.headers.get("accept", "")


async def read_form(request: Request) -> dict[str, str]:
    """Return the text fields of a form or a JSON object, or no fields if the body is malformed."""
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            return TypeAdapter(dict[str, str]).validate_json(await request.body())
        form = {name: text for name, text in (await request.form()).items() if isinstance(text, str)}
        "".join(form.values()).encode()  # fails on a lone surrogate
    except ValueError:
        return {}
    return form


def page(request: Request, template: str, result=None, status: int = 200, **shown: object):
    """Render a page. API clients get the result, or the values of the page, as JSON with this status."""
    if wants_json(request):
        return JSONResponse(shown if result is None else result.to_dict(), status)
    common = {"signed_in": login.account_id(request.session), **request.session.pop("message", {})}
    return templates.TemplateResponse(request, template, common | shown)


def go_to(request: Request, where: str, result=None, notice: str = "", status: int = 200):
    """Redirect to a page that shows the public part of a result. API clients get the result as JSON."""
    public = {"type": "done"} if result is None else result.to_dict()
    if wants_json(request):
        return JSONResponse(public, status)
    wait = ceil(public.get("retry_after") or 0)
    message = {"problem": public.get("problem"), "wait": wait, "notice": notice}
    request.session["message"] = message | {"denied": isinstance(result, totpkit.Denied)}
    return RedirectResponse(where, 303)


@app.api_route("/signup", methods=["GET", "POST"])
def sign_up(request: Request, new: Annotated[dict, Depends(read_form)]):
    """Create an account. This view is sync, so the password is hashed in a worker thread."""
    if request.method == "GET":
        return page(request, "signup.html")
    email, password = new.get("username", "").lower(), new.get("password", "")
    if not re.fullmatch(r"(?a)[\w.+'-]{1,50}@[\w.-]{1,50}", email) or not 8 <= len(password) <= 200:
        wrong = "Enter a valid email and a password of 8 to 200 characters."
    elif query(ADD_USER, secrets.token_hex(16), email, hasher.hash(password)) is None:
        wrong = "An account with this email already exists."
    else:
        return go_to(request, "/login", notice="Welcome! Sign in to set up two-factor authentication.")
    return page(request, "signup.html", status=400, email=email, problem="wrong", wrong=wrong)


@app.get("/login")
async def show_login(request: Request, by: str = ""):
    """Show the current step of the login. A reload or a second tab shows the same step."""
    challenge = await login.challenge(request.session)
    if challenge is None:  # already signed in
        return RedirectResponse("/", 303)
    if isinstance(challenge, totpkit.Denied):
        return go_to(request, "/login", challenge, status=403)
    prompts = [prompt.to_dict() for prompt in challenge.prompts]
    prompt, *others = sorted(prompts, key=lambda prompt: prompt["type"] != by)  # the selected one first
    waiting = {"problem": "wait", "wait": ceil(challenge.retry_after)} if challenge.retry_after else {}
    return page(request, f"{prompt['type']}.html", challenge, prompt=prompt, others=others, **waiting)


@app.post("/login")
async def submit_login(request: Request):
    match await login.answer(request.session, await read_form(request)):
        case totpkit.Authenticated() as result:
            if result.enrolled and not wants_json(request):
                return await new_codes(request)
            return go_to(request, request.session.pop("next", "/"), result)
        case totpkit.Denied() as denied:
            return go_to(request, "/login", denied, status=403)
        case totpkit.Challenge() as challenge:
            status = 400 if challenge.problem is totpkit.Reason.NOT_OFFERED else 200
            return go_to(request, f"/login?{request.url.query}", challenge, status=status)


@app.post("/logout")
async def sign_out(request: Request):
    """Sign out. The session is in the cookie, so a stolen copy keeps working for up to 12 hours."""
    request.session.clear()
    return go_to(request, "/login", notice="You are signed out.")


# "My account": users can manage the second factor for five minutes after entering a code.


@app.get("/")
async def account(request: Request):
    account_id = login.account_id(request.session)
    status = await auth.status(account_id)
    if status.confirmed_at is None:  # turned off in another browser
        request.session.clear()
        return go_to(request, "/login", totpkit.Denied(totpkit.Reason.PROOF_INVALID), status=403)
    since = time.strftime("%d %B %Y", time.gmtime(status.confirmed_at))
    shown = {"email": await email_of(account_id), "since": since, "left": status.recovery_codes_left}
    return page(request, "account.html", **shown)


@app.get("/qr")
async def show_qr(request: Request):
    return await perform(request, self_service.provisioning, "qr.html")


@app.get("/phone")
async def new_phone(request: Request):
    return await perform(request, self_service.begin_enrollment, "phone.html")


@app.post("/phone")
async def confirm_phone(request: Request):
    code = (await read_form(request)).get("code", "")
    return await perform(request, lambda proof: self_service.confirm_enrollment(proof, code))


@app.post("/codes")
async def new_codes(request: Request):
    return await perform(request, self_service.new_recovery_codes)


@app.post("/off")
async def switch_off(request: Request):
    return await perform(request, self_service.switch_off)


async def perform(request: Request, action, template: str = ""):
    """Perform the action and show its result. Ask for a new code first if the last one is too old."""
    session = request.session
    match await login.perform(session, action):
        case totpkit.Challenge() as challenge:
            session["next"] = request.scope["path"] if request.method == "GET" else "/"
            return go_to(request, "/login", challenge, "Enter a code from your app to continue.", 401)
        case totpkit.Denied(reason=totpkit.Reason.PROOF_INVALID) as denied if login.account_id(session):
            return go_to(request, "/", denied if wants_json(request) else None, WEAK, 403)
        case totpkit.Denied() as denied:
            return go_to(request, "/login", denied, status=403)
        case totpkit.Rejected() as rejected:
            return go_to(request, "/phone", rejected, status=403)
        case totpkit.Enrollment() as shown:
            return page(request, template, shown, shown=shown.to_dict())
        case totpkit.NewRecoveryCodes() as codes:
            return page(request, "codes.html", codes, codes=codes)
        case totpkit.Confirmed():
            return go_to(request, "/", notice="Your new phone is set up. Your old phone no longer works.")
        case None:
            session.clear()
            return go_to(request, "/login", notice="Two-factor authentication is turned off.")


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
