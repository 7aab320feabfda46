"""Which AWS account credentials belong to, without a request.

Credentials go in; the account's number comes out, or nothing.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

_PREFIX_CHARACTERS = (
    4  # AKIA of a user, ASIA of a role: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
)
_ACCOUNT_BYTES = 6
_ACCOUNT_MASK = 0x7FFF_FFFF_FF80
_ACCOUNT_SHIFT = 7


def account_of(credentials: Any) -> str:
    """Give the account of credentials.

    Most providers of credentials say it. Where they do not, the identifier of the access key carries it: all keys made
    since 2019 begin with the account's number in base 32. Asking STS would need a network that a private subnet may
    not have.

    Args:
        credentials: what botocore resolved.

    Returns:
        Twelve digits; an empty text where nothing can be known, as with made-up keys.
    """
    frozen = credentials.get_frozen_credentials()
    return str(getattr(frozen, "account_id", None) or "") or _carried_by(frozen.access_key or "")


def _carried_by(access_key: str) -> str:
    try:
        decoded = base64.b32decode(access_key[_PREFIX_CHARACTERS:])
    except (binascii.Error, ValueError):
        return ""
    if len(decoded) < _ACCOUNT_BYTES:
        return ""
    number = int.from_bytes(decoded[:_ACCOUNT_BYTES], "big")
    return f"{(number & _ACCOUNT_MASK) >> _ACCOUNT_SHIFT:012}"
