"""The directive ``{quiz} question``: choices that unfold and say why they are right or wrong.

A choice is a line that begins with ``[x]`` if it is right and with ``[ ]`` if it is wrong. The
next line begins with ``:`` and says why. Choices are ``<details>`` of one name, so that only one
is open at a time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

CHOICE = re.compile(r"\[([x ])\] (.+)\n: (.+)(?:\n|\Z)")
SAID = {True: "Right.", False: "No."}


class quiz(nodes.General, nodes.Element):
    """The question's paragraph, then its choices."""


class quiz_choice(nodes.General, nodes.Element):
    """A quiz_answer, then the paragraph that says why; with ``right`` and the quiz's ``name``."""


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
        right = [mark for mark, *_ in choices].count("x")
        if CHOICE.sub("", text).strip() or right != 1 or len(choices) < 3:
            form = "'[x] …' once and '[ ] …', each with ': why' below it"
            raise self.error(f"quiz: wants at least three choices, {form}")
        name = f"quiz-{self.env.new_serialno('quiz') + 1}"
        label = nodes.inline("", "Check yourself", classes=["quiz-label"])
        words = self.parse_inline(self.arguments[0])[0]
        question = nodes.paragraph("", "", label, nodes.Text(" "), *words)
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


def open_quiz(writer: Any, node: quiz) -> None:
    name = {"aria-label": "Check yourself"}
    writer.body.append(writer.starttag(node, "div", CLASS="quiz", role="group", **name))


def open_choice(writer: Any, node: quiz_choice) -> None:
    classes = f"quiz-choice quiz-{'right' if node['right'] else 'wrong'}"
    writer.body.append(writer.starttag(node, "details", CLASS=classes, name=node["name"]))


def open_answer(writer: Any, node: quiz_answer) -> None:
    # A screen reader needs more than a formula to name the choice.
    writer.body.append('<summary><span class="visually-hidden">Choice: </span>')


def close(tag: str) -> Callable[[Any, nodes.Element], None]:
    return lambda writer, node: writer.body.append(f"</{tag}>\n")


def setup(app: Any) -> None:
    app.add_node(quiz, html=(open_quiz, close("div")))
    app.add_node(quiz_choice, html=(open_choice, close("details")))
    app.add_node(quiz_answer, html=(open_answer, close("summary")))
    app.add_directive("quiz", Quiz)
