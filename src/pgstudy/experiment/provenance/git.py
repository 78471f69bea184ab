"""The commit that pgstudy's sources are of, as far as git can say, and what differs.

Only plumbing is asked, without the user's configuration and variables, and files are
compared by their bytes: settings such as `diff.external`, `color.ui` or `core.autocrlf`
and marks in the index such as assume-unchanged change no answer.
"""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pgstudy.experiment.system import places

SOURCES = places.ROOT
SETTINGS = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}
UNKNOWN = "unknown"
FOREIGN = "the repository belongs to another user, and git does not read it"
# What git says, and what we do: its own words name folders of this machine.
TROUBLES = {
    "dubious ownership": FOREIGN,
    "not a git repository": "the sources lie in no git repository",
    "unknown revision": "the repository has no commit",
    "Needed a single revision": "the repository has no commit",
}


class NotKnown(RuntimeError):
    """Git can't say; the message says why."""


@functools.cache
def state() -> Mapping[str, Any]:
    """`commit`; `dirty`: whether a file that git tracks differs from it; then `diff`,
    the SHA-256 of how.

    Where nothing is known, commit and dirty are None, and `reason` says why.
    """
    try:
        _require_own_repository()
        commit = _git("rev-parse", "--verify", "HEAD").decode().strip()
        changes = _changes()
    except NotKnown as error:
        return {"commit": None, "dirty": None, "reason": str(error)}
    if not changes:
        return {"commit": commit, "dirty": False}
    digest = hashlib.sha256(repr(sorted(changes.items())).encode()).hexdigest()
    return {"commit": commit, "dirty": True, "diff": digest[:16]}


def commit_text(state: Mapping[str, Any]) -> str:
    """The commit, a + behind it where files differ, or `unknown`; never a guess."""
    if not state.get("commit"):
        return UNKNOWN
    return f"{state['commit']}{'+' if state.get('dirty') else ''}"


def _git(*arguments: str) -> bytes:
    """What a git command prints. Errors: NotKnown."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    command = ["git", "-C", str(SOURCES), "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(command, env=own | SETTINGS, capture_output=True)
    except OSError:
        raise NotKnown("git is not installed") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace")
        known = [ours for theirs, ours in TROUBLES.items() if theirs in said]
        raise NotKnown(known[0] if known else f"git {arguments[0]} fails")
    return done.stdout


def _require_own_repository() -> None:
    """Errors: NotKnown, where the next repository above the sources is not theirs."""
    if places.INSTALLED:
        raise NotKnown(f"pgstudy {version('pgstudy')} was installed from a wheel")
    top = _git("rev-parse", "--show-toplevel").removesuffix(b"\n")
    if Path(os.fsdecode(top)).resolve() != SOURCES.resolve():
        raise NotKnown("the sources lie in another project's repository")
    if not _git("ls-files", "--", str(places.PACKAGE.relative_to(SOURCES))):
        raise NotKnown("the repository does not track the sources")


def _changes() -> dict[str, str]:
    """The files whose bytes are not those of HEAD, each with git's name for them."""
    committed, submodules = {}, set()
    for entry in _entries("ls-tree", "-r", "-z", "HEAD"):
        facts, _, name = entry.partition("\t")
        _, kind, identifier = facts.split(" ")
        committed[name] = identifier
        if kind == "commit":
            submodules.add(name)
    names = (committed.keys() | set(_entries("ls-files", "-z"))) - submodules
    found = {name: _blob(name, committed.get(name, "")) for name in names}
    return {name: blob for name, blob in found.items() if blob != committed.get(name)}


def _entries(*arguments: str) -> list[str]:
    return [entry for entry in os.fsdecode(_git(*arguments)).split("\0") if entry]


def _blob(name: str, like: str) -> str:
    """A file's object name, by SHA-1 or SHA-256 as the one that it is held against."""
    file = SOURCES / name
    try:
        data = os.fsencode(file.readlink()) if file.is_symlink() else file.read_bytes()
    except OSError:
        return "missing"
    digest = hashlib.new("sha256" if len(like) == 64 else "sha1", usedforsecurity=False)
    digest.update(b"blob %d\0" % len(data) + data)
    return digest.hexdigest()
