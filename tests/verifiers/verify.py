"""Verifies tokens with PyJWT: prints the subject of each line of the input, or `refused`."""

import sys

import jwt

url, algorithm, issuer, audience = sys.argv[1:]
keys = jwt.PyJWKClient(url)
for token in sys.stdin.read().splitlines():
    try:
        key = keys.get_signing_key_from_jwt(token)
        claims = jwt.decode(
            token,
            key.key,
            algorithms=[algorithm],
            issuer=issuer,
            audience=audience,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
        print(claims["sub"] if claims["type"] == "access" else "refused")
    except jwt.PyJWTError:
        print("refused")
