"""Developer-authenticated identities, which the emulator's Cognito Identity lacks.

Adds GetOpenIdTokenForDeveloperIdentity, and checks the tokens that it hands out when they are exchanged for
credentials: signature, issuer, audience, subject and expiry (Amazon Cognito Developer Guide, "Developer-authenticated identities"). By
itself the emulator takes any token as it comes.
"""

import threading
import time
import uuid

from ministack.services import cognito

from . import require

ISSUER = "https://cognito-identity.amazonaws.com"
LOGIN = "cognito-identity.amazonaws.com"
# Seconds: what AWS documents for TokenDuration.
DEFAULT_DURATION, LONGEST_DURATION = 15 * 60, 24 * 60 * 60

require.attributes(
    cognito, "_dispatch_identity", "_run_identity_handler", "_identity_logins_error", "_identity_pools", "_signed_jwt",
    "_signature_valid", "_token_claims", "_now_epoch", "_RSA_PRIVATE_KEY", "error_response_json", "json_response",
    "get_region",
)
_dispatch = cognito._dispatch_identity
_run = cognito._run_identity_handler
_logins_error = cognito._identity_logins_error
# The emulator answers in several threads, and looks through a pool's identities in one while another adds to them.
_one_at_a_time = threading.RLock()


def install():
    """Puts the extension in place."""
    if cognito._RSA_PRIVATE_KEY is None:
        raise SystemExit("the Python package cryptography is missing: without it the emulator signs no tokens")
    cognito._dispatch_identity = dispatch
    cognito._run_identity_handler = run_identity_handler
    cognito._identity_logins_error = logins_error


async def dispatch(action, data):
    """Answers the one action and passes on all others."""
    if action == "GetOpenIdTokenForDeveloperIdentity":
        return run_identity_handler(token_for_developer_identity, action, data)
    return await _dispatch(action, data)


def run_identity_handler(handler, action, data):
    """The emulator's own, for one request at a time."""
    with _one_at_a_time:
        return _run(handler, action, data)


def token_for_developer_identity(data):
    """One identity per pool and developer user identifier, and a token for it."""
    pool_id, logins = data.get("IdentityPoolId"), data.get("Logins") or {}
    pool = cognito._identity_pools.get(pool_id)
    if not pool:
        return cognito.error_response_json("ResourceNotFoundException", f"IdentityPool '{pool_id}' not found.", 400)
    provider = pool.get("DeveloperProviderName")
    user = logins.get(provider) if provider else None
    if len(logins) != 1 or not isinstance(user, str) or not user:
        return cognito.error_response_json(
            "InvalidParameterException", "Please provide a valid developer provider name and one user.", 400
        )
    duration = data.get("TokenDuration", DEFAULT_DURATION)
    if not isinstance(duration, int) or not 1 <= duration <= LONGEST_DURATION:
        return cognito.error_response_json("InvalidParameterException", "TokenDuration is out of range.", 400)

    # Kept with the identity itself, so that it survives a restart with the pool's state.
    identities = pool["_identities"]
    known = (id for id, identity in identities.items() if identity.get("_developer_user") == user)
    identity_id = next(known, None) or f"{cognito.get_region()}:{uuid.uuid4()}"
    now = int(time.time())
    token = cognito._signed_jwt({
        "sub": identity_id,
        "aud": pool_id,
        "amr": ["authenticated", provider, f"{provider}:{pool_id}:{user}"],
        "iss": ISSUER,
        "iat": now,
        "exp": now + duration,
    })
    identity = identities.setdefault(
        identity_id, {"IdentityId": identity_id, "CreationDate": cognito._now_epoch(), "_developer_user": user}
    )
    # The emulator gives the authenticated role to an identity that it knows to have logins.
    identity.update(Logins={LOGIN: token}, LastModifiedDate=cognito._now_epoch())
    return cognito.json_response({"IdentityId": identity_id, "Token": token})


def logins_error(pool, identity_id, logins):
    """The emulator's own checks, after those of a developer identity's token."""
    if isinstance(logins, dict) and LOGIN in logins:
        message = token_error(pool, identity_id, logins[LOGIN])
        if message:
            return cognito.error_response_json("NotAuthorizedException", message, 400)
    return _logins_error(pool, identity_id, logins)


def token_error(pool, identity_id, token):
    """Why a token does not speak for an identity of this pool, or None."""
    claims = cognito._token_claims(token) if isinstance(token, str) and token.count(".") == 2 else {}
    if not claims:
        return "Invalid login token. Not a valid OpenId Connect identity token."
    if not cognito._signature_valid(token):
        return "Invalid login token. Token signature invalid."
    if claims.get("iss") != ISSUER or claims.get("aud") != pool["IdentityPoolId"]:
        return "Invalid login token. Token is not from this identity pool."
    if not isinstance(claims.get("exp"), int) or time.time() >= claims["exp"]:
        return "Invalid login token. Token expired."
    if claims.get("sub") not in pool["_identities"] or identity_id not in (None, claims["sub"]):
        return "Logins don't match. Please include at least one valid login for this identity or identity pool."
    return None
