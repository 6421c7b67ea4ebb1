"""Runs Canaille, an identity provider that others made, for the tests: on a free port of loopback, with
a database in a temporary folder.

Says on its first line of output which port it is. Each line of input describes a person to be made or changed, and
is answered by a line. When the input ends, so does the program: whoever started it may end in any way.
"""

import json
import logging
import secrets
import sys
import tempfile
import threading
import warnings

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")

import canaille  # noqa: E402
from canaille.app import models  # noqa: E402
from canaille.backends import Backend  # noqa: E402
from canaille.oidc import provider  # noqa: E402
from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: E402


class Quiet(WSGIRequestHandler):
    def log(self, *_):
        pass


# Two access tokens of one second would be equal, which its database refuses. Nobody here looks at them.
provider.generate_access_token = lambda **_: secrets.token_urlsafe(32)

# It has no name of its own, and falls over the clients that would sign their requests to that name.
provider.AuthorizationCodeGrant.TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]

folder = tempfile.TemporaryDirectory()
app = canaille.create_app({
    "SECRET_KEY": "of a provider that lives for one run of the tests",
    "CANAILLE": {"DATABASE": "sql", "LOGIN_ATTRIBUTES": ["user_name"]},
    "CANAILLE_SQL": {
        "DATABASE_URI": f"sqlite:///{folder.name}/provider.sqlite",
        # Nobody's passwords: they need not be dear to guess.
        "PASSWORD_HASH_PARAMS": {"pbkdf2_sha512__rounds": 1},
    },
    "CANAILLE_OIDC": {
        "DYNAMIC_CLIENT_REGISTRATION_OPEN": True,
        # On loopback too, people are asked for their consent.
        "TRUSTED_DOMAINS": [],
    },
})


# One thing at a time: the database has one session.
turn = threading.Lock()


def in_turn(environ, start_response):
    with turn:
        return list(app(environ, start_response))


def keep(person):
    with turn, app.app_context(), Backend.instance.session():
        name = person["user_name"]
        user = Backend.instance.get(models.User, user_name=name) or models.User(
            user_name=name, family_name=name, formatted_name=name
        )
        user.emails = [person["email"]]
        user.password = person["password"]
        Backend.instance.save(user)


server = make_server("127.0.0.1", 0, in_turn, threaded=True, request_handler=Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.port, flush=True)
for line in sys.stdin:
    keep(json.loads(line))
    print("done", flush=True)
