"""The pages that people see when a client sends them to log in: nothing in them is from elsewhere.

One has a script, that which asks for a security key: browsers let no other run, and the page is
good for codes without it.  They can be used with a keyboard, a screen reader, at 400 % and in the
dark (WCAG 2.2 AA).  Whatever is not ours is escaped.
"""

import base64
import hashlib
import json
from collections.abc import Collection, Mapping
from html import escape
from typing import Final, Protocol
from urllib.parse import urlsplit

from tta_gateway.features.identity.factor import KEY, RECOVERY, TOTP

LOGIN: Final = "/oauth2/login"
_STYLE: Final = """
:root {
  color-scheme: light dark;
  --ink: #1b1f24; --paper: #fff; --soft: #57606a; --line: #6e7781; --deed: #0b5cad; --bad: #a40e26;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e9edf1; --paper: #16191d; --soft: #a9b2bc; --line: #8b949e;
    --deed: #7ab8ff; --bad: #ff9aa5;
  }
}
* { box-sizing: border-box }
body {
  margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif;
}
main { max-width: 24rem; margin: 0 auto; padding: clamp(1rem, 8vh, 5rem) 1rem }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem; overflow-wrap: anywhere }
p { margin: 0 0 1rem; color: var(--soft); overflow-wrap: anywhere }
[role=alert] {
  color: var(--bad); border-inline-start: .25rem solid var(--bad); padding-inline-start: .75rem;
}
label { display: block; margin: 1rem 0 .25rem; font-weight: 600 }
input {
  width: 100%; min-height: 2.75rem; padding: .5rem .75rem; font: inherit; color: inherit;
  background: transparent; border: 1px solid var(--line); border-radius: .375rem;
}
button {
  display: block; width: 100%; min-height: 2.75rem; margin: 1.5rem 0; padding: .625rem;
  font: inherit; font-weight: 600; color: var(--paper); background: var(--deed);
  border: 1px solid var(--deed); border-radius: .375rem; cursor: pointer;
}
button.other { color: var(--deed); background: transparent }
button[disabled] { opacity: .6; cursor: progress }
[hidden] { display: none }
a { color: var(--deed) }
:focus-visible { outline: 3px solid var(--deed); outline-offset: 2px }
""".strip()
_SCRIPT: Final = """
(() => {
  const button = document.getElementById("key"), wrong = document.getElementById("key-wrong");
  if (!button || !window.PublicKeyCredential || !navigator.credentials) return;
  const bytes = text => Uint8Array.from(
    atob(text.replaceAll("-", "+").replaceAll("_", "/")), one => one.charCodeAt(0));
  const text = buffer => buffer === null ? null : btoa(
    String.fromCharCode(...new Uint8Array(buffer))
  ).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const named = known => (known || []).map(one => ({...one, id: bytes(one.id)}));
  async function ask() {
    const asked = JSON.parse(button.dataset.key), form = button.form;
    const publicKey = {
      ...asked, challenge: bytes(asked.challenge), allowCredentials: named(asked.allowCredentials)
    };
    wrong.hidden = button.disabled = true;
    try {
      const got = await navigator.credentials.get({publicKey}), said = got.response;
      form.elements.credential.value = JSON.stringify({
        id: got.id, rawId: text(got.rawId), type: got.type, response: {
          clientDataJSON: text(said.clientDataJSON),
          authenticatorData: text(said.authenticatorData),
          signature: text(said.signature),
          userHandle: text(said.userHandle)
        }
      });
      form.submit();
    } catch {
      button.disabled = wrong.hidden = false;
      button.focus();
    }
  }
  button.addEventListener("click", ask);
  button.hidden = false;
  button.focus();
})();
""".strip()


class FactorAsked(Protocol):
    """What is asked for: by which methods, what answers it, and what a page asks of keys."""

    @property
    def token(self) -> str:
        """Return what answers it."""

    @property
    def methods(self) -> tuple[str, ...]:
        """Return the methods."""

    @property
    def key(self) -> Mapping[str, object] | None:
        """Return what a page asks of keys."""


def _hash(text: str) -> str:
    """Return what names a part of a page in its policy (CSP3 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def fields(redirect_uri: str = "", *, has_script: bool = False) -> dict[str, str]:
    """Return the fields of a page; its form may lead to that address in the end.

    Chromium asks `form-action` about each step of the way that an answer to a form leads.
    """
    forms = f"'self' {_source(redirect_uri)}".strip()
    script = f"script-src {_hash(_SCRIPT)}; " if has_script else ""
    return {
        "cache-control": "no-store",
        "content-security-policy": (
            f"default-src 'none'; {script}style-src {_hash(_STYLE)}; form-action {forms}; "
            "frame-ancestors 'none'; base-uri 'none'"
        ),
        "x-frame-options": "DENY",
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",  # a form without any would say `Origin: null`
        "cross-origin-opener-policy": "same-origin",
    }


def _source(redirect_uri: str) -> str:
    """Return a registered address as a policy names it (CSP3 2.3.1): that of IPv6 has no name."""
    if not redirect_uri:
        return ""
    parts = urlsplit(redirect_uri)
    if not parts.netloc or parts.netloc.startswith("["):
        return f"{parts.scheme}:"
    return f"{parts.scheme}://{parts.netloc}"


def login(
    client: str, said: Mapping[str, str], token: str, *, name: str = "", complaint: str = ""
) -> str:
    """Return the page that asks for name and password; `name` is who it is, perhaps."""
    wrong = f'<p role="alert" id="wrong">{escape(complaint)}</p>' if complaint else ""
    marked = ' aria-invalid="true" aria-describedby="wrong"' if complaint else ""
    at_name, at_password = ("", " autofocus") if name else (" autofocus", "")
    return _page(
        "Log in",
        f"<h1>Log in</h1><p>to go on to {escape(client)}</p>{wrong}"
        f"{_form(said, token)}"
        '<label for="username">Name</label>'
        '<input id="username" name="username" autocomplete="username" autocapitalize="none" '
        f'spellcheck="false" required maxlength="512" value="{escape(name)}"{marked}{at_name}>'
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" '
        f'required maxlength="256"{marked}{at_password}>'
        '<button type="submit">Log in</button></form>',
    )


def factor(
    client: str,
    said: Mapping[str, str],
    token: str,
    *,
    asked: FactorAsked,
    complaint: str = "",
) -> str:
    """Return the page that asks for a second factor, once the password was right."""
    wrong = f'<p role="alert" id="wrong">{escape(complaint)}</p>' if complaint else ""
    takes_code = bool({TOTP, RECOVERY} & {*asked.methods})
    return _page(
        "Second step",
        f"<h1>Second step</h1><p>to go on to {escape(client)}</p>{wrong}"
        f"{_form(said, token)}"
        f'<input type="hidden" name="mfa_token" value="{escape(asked.token)}">'
        f"{_key(asked, is_alone=not takes_code)}"
        f"{_code(asked.methods, is_wrong=bool(complaint)) if takes_code else ''}"
        "</form>",
        script=_SCRIPT if has_script(asked) else "",
    )


def has_script(asked: FactorAsked) -> bool:
    """Tell whether the page that asks for this has its script."""
    return KEY in asked.methods and asked.key is not None


def _key(asked: FactorAsked, *, is_alone: bool) -> str:
    """Return the part that asks for a key; it is shown by the script, which alone can ask."""
    if not has_script(asked):
        return ""
    without = "" if is_alone else " Or take a code."
    return (
        '<input type="hidden" name="credential" value="">'
        f'<button type="button" id="key" data-key="{escape(json.dumps(asked.key))}" hidden>'
        "Use your security key</button>"
        '<p role="alert" id="key-wrong" hidden>The key was not used: plug it in or hold it ready, '
        f"and try again.{without}</p>"
        "<noscript><p>Your browser runs no script for this page, and without it no security key "
        f"can be asked. {'Allow it, and log in again.' if is_alone else 'Take a code.'}"
        "</p></noscript>"
    )


def _code(methods: Collection[str], *, is_wrong: bool) -> str:
    """Return the part that asks for a code."""
    marked = ' aria-invalid="true" aria-describedby="wrong hint"' if is_wrong else ""
    marked = marked or ' aria-describedby="hint"'
    ways = []
    if TOTP in methods:
        ways.append("from your authenticator app")
    if RECOVERY in methods:
        ways.append("one of your recovery codes")
    hint = ", or ".join(ways)
    other = ' class="other"' if KEY in methods else ""
    return (
        '<label for="code">Code</label>'
        '<input id="code" name="code" autocomplete="one-time-code" autocapitalize="none" '
        f'spellcheck="false" required maxlength="64" autofocus{marked}>'
        f'<p id="hint">{hint[:1].upper()}{hint[1:]}.</p>'
        f'<button type="submit"{other}>Go on</button>'
    )


def confirm(client: str, said: Mapping[str, str], token: str, *, name: str, other: str) -> str:
    """Return the page that asks whether to go on; `other` is where another can log in."""
    return _page(
        "Go on",
        f"<h1>Go on to {escape(client)}?</h1>"
        f"<p>You are logged in as {escape(name)}. The program will act in your name.</p>"
        f"{_form(said, token)}"
        '<input type="hidden" name="confirm" value="yes">'
        '<button type="submit" autofocus>Go on</button></form>'
        f'<p><a href="{escape(other)}">Log in as somebody else</a></p>',
    )


def refused(words: str) -> str:
    """Return the page that says that it does not go on from here."""
    return _page(
        "This does not go on",
        f'<h1>This does not go on</h1><p role="alert">{escape(words)}</p>'
        "<p>Nothing has been sent anywhere. Go back, and try again; if it goes on, tell whoever "
        "looks after the program.</p>",
    )


def _form(said: Mapping[str, str], token: str) -> str:
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in [*said.items(), ("form_token", token)]
    )
    return f'<form method="post" action="{LOGIN}">{hidden}'


def _page(title: str, inner: str, *, script: str = "") -> str:
    run = f"<script>{script}</script>" if script else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="robots" content="noindex"><style>{_STYLE}</style></head>'
        f"<body><main>{inner}</main>{run}</body></html>"
    )
