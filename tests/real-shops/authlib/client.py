"""A shop's side in Python: Authlib asks, a browser goes and comes back, Authlib takes the tokens and looks at them.

Told on the command line: issuer, client id, client secret, callback, file with the root certificate. Prints the address to open,
reads the one that the browser came back to, prints what it learnt as JSON.
"""

import json
import sys

from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

issuer, client_id, client_secret, callback, root = sys.argv[1:]


def session(**more):
    made = OAuth2Session(client_id, client_secret, scope="openid profile email", redirect_uri=callback, **more)
    made.verify = root
    # What the machine trusts otherwise is of no interest here.
    made.trust_env = False
    return made


def checked(token, nonce=None):
    """The claims of an ID token, signature and all, as Authlib wants them."""
    read = jwt.decode(token["id_token"], keys, algorithms=["ES256", "RS256"])
    claims = CodeIDToken(
        read.claims,
        read.header,
        {"iss": {"values": [issuer]}, "aud": {"values": [client_id]}},
        {"client_id": client_id, "nonce": nonce, "access_token": token["access_token"]},
    )
    claims.validate(leeway=5)
    return dict(read.claims)


client = session(code_challenge_method="S256")
metadata = client.get(f"{issuer}/.well-known/openid-configuration", withhold_token=True).json()
assert metadata["issuer"] == issuer, metadata["issuer"]
keys = KeySet.import_key_set(client.get(metadata["jwks_uri"], withhold_token=True).json())

verifier, nonce = generate_token(64), generate_token(16)
url, state = client.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
print(url, flush=True)
back = sys.stdin.readline().strip()

token = client.fetch_token(metadata["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier)
first = checked(token, nonce)
info = client.get(metadata["userinfo_endpoint"]).json()
renewed = client.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
second = checked(renewed)
known = client.introspect_token(metadata["introspection_endpoint"], token=renewed["access_token"]).json()
client.revoke_token(metadata["revocation_endpoint"], token=renewed["refresh_token"]).raise_for_status()
try:
    client.refresh_token(metadata["token_endpoint"], refresh_token=renewed["refresh_token"])
    refused = None
except OAuthError as fault:
    refused = fault.error
try:
    session().fetch_token(metadata["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier)
    reused = None
except OAuthError as fault:
    reused = fault.error
print(
    json.dumps(
        {
            "subjects": [first["sub"], second["sub"], info["sub"], known["sub"]],
            "email": info["email"],
            "active": known["active"],
            "refused": refused,
            "reused": reused,
        }
    ),
    flush=True,
)
