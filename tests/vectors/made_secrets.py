"""Secrets as their issuers make them, at random: what must never leave a process.

A seed goes in; a text comes out that has the shape of a credential and belongs to nobody. Every shape is put together
here, so that no scanner takes this file for a leak.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable

Random = random.Random
UPPER, LOWER, DIGITS, LETTERS = string.ascii_uppercase, string.ascii_lowercase, string.digits, string.ascii_letters
WORD = LETTERS + DIGITS
URL_SAFE = WORD + "-_"
BASE64 = WORD + "+/"
HEX = "0123456789abcdef"


def some(source: Random, alphabet: str, count: int) -> str:
    return "".join(source.choices(alphabet, k=count))


def url_safe(source: Random, count: int) -> str:
    """Give random characters that begin and end with a letter, as tokens in practice nearly always do."""
    return source.choice(LETTERS) + some(source, URL_SAFE, count - 2) + source.choice(LETTERS)


def jwt(source: Random) -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": some(source, DIGITS, 10), "name": some(source, LOWER, 8)})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join((*encoded, url_safe(source, 43)))


def private_key(source: Random) -> str:
    kind = source.choice(["RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", ""])
    lines = "\n".join(some(source, BASE64, 64) for _ in range(3))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


def card(source: Random) -> str:
    beginning, length = source.choice(
        [("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("34", 15), ("37", 15), ("6011", 16)]
    )
    digits = beginning + some(source, DIGITS, length - len(beginning) - 1)
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[::-2])
    digits += str(-(doubled + sum(map(int, digits[-2::-2]))) % 10)
    separator = source.choice(["", " ", "-"])
    groups = (4, 6, 5) if length == 15 else (4, 4, 4, 4)
    ends = [sum(groups[: index + 1]) for index in range(len(groups))]
    return separator.join(digits[end - size : end] for end, size in zip(ends, groups, strict=True))


def email(source: Random) -> str:
    name = some(source, LOWER, 6) + source.choice([".", "_", "+", "-", ""]) + some(source, WORD, 4)
    return f"{name}@{some(source, LOWER, 7)}.{source.choice(['com', 'co.uk', 'example.org'])}"


# Name of the shape -> the mark that must stand for it, and how it is made.
SHAPES: dict[str, tuple[str, Callable[[Random], str]]] = {
    "AWS access key": ("aws-access-key", lambda source: "AKIA" + some(source, UPPER + "234567", 16)),
    "AWS temporary key": ("aws-access-key", lambda source: "ASIA" + some(source, UPPER + "234567", 16)),
    "AWS secret key": ("aws-secret-key", lambda source: some(source, BASE64, 40)),
    "AWS session token": ("aws-session-token", lambda source: "IQoJ" + some(source, BASE64, 400) + "=="),
    "older AWS session token": ("aws-session-token", lambda source: "FwoGZXIvYXdz" + some(source, BASE64, 300)),
    "Bedrock key": ("api-key", lambda source: "ABSK" + some(source, BASE64, 110) + "="),
    "Bedrock short-term key": ("api-key", lambda source: "bedrock-api-key-" + some(source, BASE64, 200)),
    "OpenAI": ("api-key", lambda source: "sk-" + some(source, WORD, 48)),
    "OpenAI project": ("api-key", lambda source: "sk-" + "proj-" + url_safe(source, 120)),
    "OpenAI service account": ("api-key", lambda source: "sk-" + "svcacct-" + url_safe(source, 74)),
    "Anthropic": ("api-key", lambda source: "sk-" + "ant-api03-" + url_safe(source, 93) + "AA"),
    "OpenRouter": ("api-key", lambda source: "sk-" + "or-v1-" + some(source, HEX, 64)),
    "DeepSeek": ("api-key", lambda source: "sk-" + some(source, HEX, 32)),
    "Google": ("api-key", lambda source: "AIza" + url_safe(source, 35)),
    "Google OAuth": ("api-key", lambda source: "ya29." + url_safe(source, 80)),
    "Hugging Face": ("api-key", lambda source: "hf_" + some(source, LETTERS, 34)),
    "Groq": ("api-key", lambda source: "gsk_" + some(source, WORD, 52)),
    "xAI": ("api-key", lambda source: "xai-" + some(source, WORD, 80)),
    "Perplexity": ("api-key", lambda source: "pplx-" + some(source, WORD, 48)),
    "Replicate": ("api-key", lambda source: "r8_" + some(source, WORD, 37)),
    "NVIDIA": ("api-key", lambda source: "nvapi-" + url_safe(source, 64)),
    "Fireworks": ("api-key", lambda source: "fw_" + some(source, WORD, 24)),
    "LangSmith": ("api-key", lambda source: f"lsv2_pt_{some(source, HEX, 32)}_{some(source, HEX, 10)}"),
    "Mistral": ("api-key", lambda source: some(source, WORD, 32)),
    "Cohere": ("aws-secret-key", lambda source: some(source, WORD, 40)),
    "Stripe": ("api-key", lambda source: "sk_" + "live_" + some(source, WORD, 24)),
    "GitHub": ("token", lambda source: "ghp_" + some(source, WORD, 36)),
    "GitHub, fine-grained": ("token", lambda source: f"github_pat_{some(source, WORD, 22)}_{some(source, WORD, 59)}"),
    "GitLab": ("token", lambda source: "glpat-" + url_safe(source, 20)),
    "Slack bot": (
        "token",
        lambda source: f"xoxb-{some(source, DIGITS, 12)}-{some(source, DIGITS, 12)}-{some(source, WORD, 24)}",
    ),
    "Slack app": ("token", lambda source: f"xapp-1-A{some(source, DIGITS, 10)}-{some(source, HEX, 64)}"),
    "bearer token": ("bearer-token", lambda source: "Bearer " + some(source, WORD, 40) + "7"),
    "basic authentication": (
        "bearer-token",
        lambda source: "Basic " + base64.b64encode(f"user:{some(source, WORD, 13)}".encode()).decode(),
    ),
    "password in a URL": ("credential", lambda source: f"postgres://app:{some(source, WORD, 12)}@db.internal:5432/app"),
    "JWT": ("jwt", jwt),
    "private key": ("private-key", private_key),
    "e-mail address": ("email", email),
    "card": ("card", card),
}


def made(shape: str, seed: int) -> str:
    """Make a secret of a shape; the same seed gives the same secret."""
    return SHAPES[shape][1](random.Random(f"{shape} {seed}"))


def core(shape: str, secret: str) -> str:
    """Give the part of a secret that is worth something."""
    if shape == "private key":
        return secret.splitlines()[1]
    if shape == "password in a URL":
        return secret.partition("://")[2].partition("@")[0].partition(":")[2]
    if shape in ("bearer token", "basic authentication"):
        return secret.partition(" ")[2]
    return secret
