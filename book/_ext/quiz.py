"""The directive ``{quiz} question``: a choice, and at once an explanation of each wrong choice.

A choice is a line that begins with ``[x]`` if it is right and with ``[ ]`` if it is not; the line after it begins with
``:`` and says why. Choices are ``<details>`` of one name: HTML alone opens one and closes the others.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

CHOICE = re.compile(r"\[([x ])\] (.+)\n: (.+)(?:\n|\Z)")
SAID = {True: "Right.", False: "No."}


class quiz(nodes.General, nodes.Element):
    """The question's paragraph, then its choices."""


class quiz_choice(nodes.General, nodes.Element):
    """A quiz_answer, then the paragraph that says why; ``right`` if it is right, and the ``name`` of its quiz."""


class quiz_answer(nodes.General, nodes.TextElement):
    """What may be chosen."""


class Quiz(SphinxDirective):
    """One question. Exactly one of its choices is right."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        text = "\n".join(self.content)
        choices = CHOICE.findall(text)
        if (
            CHOICE.sub("", text).strip()
            or [mark for mark, *_ in choices].count("x") != 1
            or len(choices) < 3
        ):
            raise self.error(
                "quiz: wants at least three choices, '[x] …' once and '[ ] …', each with ': why' below it"
            )
        name = f"quiz-{self.env.new_serialno('quiz') + 1}"
        label = nodes.inline("", "Check yourself", classes=["quiz-label"])
        question = nodes.paragraph(
            "", "", label, nodes.Text(" "), *self.parse_inline(self.arguments[0])[0]
        )
        question["classes"].append("quiz-question")
        node = quiz("", question, name=name)
        node += [self.choice(name, mark == "x", answer, why) for mark, answer, why in choices]
        self.set_source_info(node)
        return [node]

    def choice(self, name: str, is_right: bool, answer: str, why: str) -> quiz_choice:
        verdict = nodes.strong("", SAID[is_right])
        reason = nodes.paragraph("", "", verdict, nodes.Text(" "), *self.parse_inline(why)[0])
        summary = quiz_answer("", "", *self.parse_inline(answer)[0])
        return quiz_choice("", summary, reason, name=name, right=is_right)


def visit_quiz(self: Any, node: quiz) -> None:
    self.body.append(
        self.starttag(node, "div", CLASS="quiz", role="group", **{"aria-label": "Check yourself"})
    )


def depart_quiz(self: Any, node: quiz) -> None:
    self.body.append("</div>\n")


def visit_choice(self: Any, node: quiz_choice) -> None:
    kind = "right" if node["right"] else "wrong"
    self.body.append(
        self.starttag(node, "details", CLASS=f"quiz-choice quiz-{kind}", name=node["name"])
    )


def depart_choice(self: Any, node: quiz_choice) -> None:
    self.body.append("</details>\n")


def visit_answer(self: Any, node: quiz_answer) -> None:
    # A formula alone is no name for those who hear the page.
    self.body.append('<summary><span class="visually-hidden">Choice: </span>')


def depart_answer(self: Any, node: quiz_answer) -> None:
    self.body.append("</summary>\n")


def setup(app: Any) -> dict[str, bool]:
    app.add_node(quiz, html=(visit_quiz, depart_quiz))
    app.add_node(quiz_choice, html=(visit_choice, depart_choice))
    app.add_node(quiz_answer, html=(visit_answer, depart_answer))
    app.add_directive("quiz", Quiz)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
