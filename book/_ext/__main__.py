"""The commands of the book's code: ``python book/_ext COMMAND``."""

from __future__ import annotations

import sys
from importlib import import_module

# The command, the module of bookext whose ``main`` does it, and what it does.
COMMANDS = {
    "run": ("notebooks.execution", "[PAGE ...]: run the pages that the cache lacks"),
    "notebooks": ("notebooks.write", "write book/notebooks/ from the pages"),
    "assignment": ("notebooks.assignments", "GRADER FOLDER EXERCISE ...: write exercises to grade"),
    "pdf": ("print.pdf", "print the built book into one PDF"),
    "offline": ("print.offline", "pack the built book into a zip"),
    "preview": ("pages.preview", "draw the picture that a message shows in place of a link"),
    "vendor": ("pages.vendor", "renew MathJax and the icons; needs npm"),
    "check-release": ("pages.published", "TAG SITE REPOSITORY: whether the site may be published"),
}


def main(arguments: list[str]) -> int:
    """Do what the first argument says.

    Returns:
        The exit status.
    """
    command, *rest = arguments or [""]
    if command not in COMMANDS:
        lines = [f"  {name} {what}" for name, (_, what) in COMMANDS.items()]
        print("usage: python book/_ext COMMAND", *lines, sep="\n", file=sys.stderr)
        return 2
    module = import_module(f"bookext.{COMMANDS[command][0]}")
    return module.main(rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
