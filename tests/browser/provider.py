"""A provider of OpenID Connect on this machine, which knows everybody at once and asks nobody anything."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

KEY = RSAKey.generate_key(2048, {"kid": "test"})


@contextmanager
def providing(client: str) -> Iterator[str]:
    """The address of its metadata while it runs. client: whose tokens it writes."""
    nonces: dict[str, str] = {}

    class Provider(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
            if self.path.startswith("/authorize"):
                nonces["code"] = asked["nonce"]
                self.send_response(302)
                self.send_header("Location", f"{asked['redirect_uri']}?{urlencode({'code': 'code', 'state': asked['state']})}")
                self.end_headers()
            elif self.path == "/keys":
                self._say({"keys": [KEY.as_dict(private=False)]})
            else:
                self._say(
                    {
                        "issuer": here,
                        "authorization_endpoint": f"{here}/authorize",
                        "token_endpoint": f"{here}/token",
                        "jwks_uri": f"{here}/keys",
                        "id_token_signing_alg_values_supported": ["RS256"],
                    }
                )

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            now = int(time.time())
            claims = {"iss": here, "aud": client, "sub": "1", "email": "somebody@example.org", "iat": now, "exp": now + 600}
            token = jwt.encode({"alg": "RS256", "kid": "test"}, {**claims, "nonce": nonces["code"]}, KEY)
            self._say({"access_token": "x", "token_type": "Bearer", "id_token": token})

        def _say(self, content: dict[str, object]) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        here = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"{here}/.well-known/openid-configuration"
        server.shutdown()
