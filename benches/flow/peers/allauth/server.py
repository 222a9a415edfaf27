"""django-allauth's login by code (its headless API) under gunicorn, over SQLite or PostgreSQL, in several processes.

    python server.py DATABASE MAIL      FLOW_PROCESSES: how many; FLOW_COUNT: statements are counted
"""

import os
import socket
import sys

import django
from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend

DATABASE, MAIL = sys.argv[1:3]
PROCESSES = int(os.environ.get("FLOW_PROCESSES", "1"))
COUNTS = "FLOW_COUNT" in os.environ
ACCOUNTS = 200_000
THREADS = 16

statements = 0
mailbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


class Datagrams(BaseEmailBackend):
    """A mail is one datagram: the address and the code."""

    def send_messages(self, messages):
        host, port = MAIL.split(":")
        for message in messages:
            mail = f"{message.to[0]} {message.body.strip()}"
            mailbox.sendto(mail.encode(), (host, int(port)))
        return len(messages)


def counted(execute, *rest):
    global statements
    statements += 1
    return execute(*rest)


class Counting:
    """Counts every statement of a request."""

    def __init__(self, answer):
        self.answer = answer

    def __call__(self, request):
        from django.db import connection

        with connection.execute_wrapper(counted):
            return self.answer(request)


def database():
    if DATABASE.startswith("postgres"):
        # The pool of one process: as many connections as it has threads.
        return {
            "ENGINE": "django.db.backends.postgresql",
            **names(),
            "OPTIONS": {"pool": {"min_size": 1, "max_size": THREADS}},
        }
    pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=30000;"
    if COUNTS:
        pragmas += " PRAGMA wal_autocheckpoint=0;"
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATABASE,
        "CONN_MAX_AGE": None,
        "OPTIONS": {"init_command": pragmas, "transaction_mode": "IMMEDIATE"},
    }


def names():
    """The parts of a connection string, as Django names them."""
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(DATABASE)
    known = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    return {ours: parts[theirs] for theirs, ours in known.items() if theirs in parts}


settings.configure(
    SECRET_KEY="a secret of thirty-two characters and more, for a bench",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": database()},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "allauth",
        "allauth.account",
        "allauth.headless",
    ],
    MIDDLEWARE=[
        *([f"{__name__}.Counting"] if COUNTS else []),
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "allauth.account.middleware.AccountMiddleware",
    ],
    AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": [
                    (
                        "django.template.loaders.locmem.Loader",
                        {
                            "account/email/login_code_subject.txt": "code",
                            "account/email/login_code_message.txt": "{{ code }}",
                        },
                    ),
                    "django.template.loaders.app_directories.Loader",
                ]
            },
        }
    ],
    EMAIL_BACKEND=f"{__name__}.Datagrams",
    HEADLESS_ONLY=True,
    HEADLESS_CLIENTS=("app",),
    ACCOUNT_LOGIN_METHODS={"email"},
    ACCOUNT_SIGNUP_FIELDS=["email*"],
    ACCOUNT_LOGIN_BY_CODE_ENABLED=True,
    # Every client is one address here.
    ACCOUNT_RATE_LIMITS=False,
    USE_TZ=True,
)
sys.modules["server"] = sys.modules[__name__]
django.setup()

from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import include, path  # noqa: E402
from gunicorn.app.base import BaseApplication  # noqa: E402

urlpatterns = [
    path("_allauth/", include("allauth.headless.urls")),
    path("statements", lambda request: HttpResponse(str(statements))),
]


def prepare():
    call_command("migrate", verbosity=0)
    if DATABASE.startswith("postgres"):
        numbers, true, now = f"generate_series(0, {ACCOUNTS - 1}) AS n", "true", "now()"
    else:
        numbers = (
            f"(WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ACCOUNTS - 1}) "
            "SELECT n FROM numbers)"
        )
        true, now = "1", "'2026-01-01 00:00:00'"
    false = "false" if true == "true" else "0"
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, "
            f"is_active, date_joined) SELECT n + 1, '', {false}, 'user' || n, '', '', 'user' || n || '@example.org', "
            f"{false}, {true}, {now} FROM {numbers}"
        )
        cursor.execute(
            'INSERT INTO account_emailaddress (user_id, email, verified, "primary") SELECT n + 1, '
            f"'user' || n || '@example.org', {true}, {true} FROM {numbers}"
        )
        if DATABASE.startswith("postgres"):
            cursor.execute("ANALYZE")
        elif COUNTS:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    if hasattr(connection, "close_pool"):
        connection.close_pool()


class Server(BaseApplication):
    def load_config(self):
        self.cfg.set("workers", PROCESSES)
        self.cfg.set("worker_class", "gthread")
        self.cfg.set("threads", THREADS)
        self.cfg.set("keepalive", 75)
        self.cfg.set("loglevel", "warning")
        self.cfg.set("control_socket_disable", True)
        self.cfg.set("bind", f"fd://{listener.fileno()}")

    def load(self):
        return get_wsgi_application()


prepare()
listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
listener.set_inheritable(True)
print(listener.getsockname()[1], flush=True)
Server().run()
