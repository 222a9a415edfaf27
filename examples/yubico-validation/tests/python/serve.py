"""Serves yubival on a free port of loopback until its input ends; prints the port.

    python3 serve.py FOLDER CLIENTS_KEY PUBLIC_ID PRIVATE_ID AES_KEY
"""
import os
import sys
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings

folder, api_key, public_id, private_id, aes_key = sys.argv[1:]
settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(folder, "yubival.db")}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=["yubival"],
    ROOT_URLCONF="yubival.urls",
    SECRET_KEY="of a test",
    USE_TZ=True,
)
django.setup()

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from yubival.models import APIKey, Device

call_command("migrate", verbosity=0)
client = APIKey.objects.create(label="test", key=api_key)
Device.objects.create(label="test", public_id=public_id, private_id=private_id, key=aes_key)


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, client.id, flush=True)
sys.stdin.read()
