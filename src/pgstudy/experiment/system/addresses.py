"""Texts that may be shown to anybody: no credentials, no folders of this machine."""

from __future__ import annotations

import functools
import os
import re
import site
import sys
import sysconfig
from pathlib import Path
from urllib.parse import unquote

from pgstudy.experiment.system.places import PACKAGE

# user:password@ after ://; a password may hold / and @, so all up to the last @ goes.
# sqlite:/// and file:/// have no user.
USER = re.compile(r"(?<=://)(?!/)(?:[^\s'\"<>/@]*:[^\s'\"<>]*@|[^\s'\"<>/]*@)")
SECRET = "pass|pwd|secret|token|key|auth|cred|sig"
PARAMETER = re.compile(
    rf"(?i)([?&;][^\s=&;'\"]*(?:{SECRET})[^\s=&;'\"]*=)[^\s&;#'\"<>]*"
)


SHORTEST = 4  # of a password that is looked for outside addresses, too


def without_credentials(text: str) -> str:
    """A text with no user, password or token in any address that it holds.

    Messages may quote parts of the tracking address: its password goes wherever it is.
    """
    text = PARAMETER.sub(r"\1***", USER.sub("", text))
    for secret in _secrets():
        text = text.replace(secret, "***")
    return text


def _secrets() -> list[str]:
    """The passwords and tokens that MLflow is given, as written and as meant."""
    found = [os.environ.get(f"MLFLOW_TRACKING_{n}", "") for n in ("PASSWORD", "TOKEN")]
    for user in USER.findall(os.environ.get("MLFLOW_TRACKING_URI", "")):
        password = user[:-1].partition(":")[2]
        found += [password, unquote(password)]
    return [secret for secret in found if len(secret) >= SHORTEST]


def without_folders(text: str) -> str:
    """A text in which files are named from their package or the working folder on.

    What else lies in the home folder begins with ~.
    """
    for folder in sorted({os.getcwd(), *_folders()} - {"/"}, key=len, reverse=True):
        # whole names only: /a/b is not in /c/a/b
        text = re.sub(rf"(?<![\w.-]){re.escape(folder)}/", "", text)
    home = str(Path.home())
    return text if home == "/" else re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)


@functools.cache
def _folders() -> list[str]:
    """Where modules lie."""
    paths = sysconfig.get_paths()
    own = PACKAGE.parent
    places = [own, paths["purelib"], paths["platlib"], paths["stdlib"]]
    places += [*site.getsitepackages(), site.getusersitepackages(), sys.prefix]
    return [str(place) for place in places]
