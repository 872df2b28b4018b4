"""The writer of plain Markdown: what each node becomes; an unknown node is an error."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from docutils import nodes
from sphinx.errors import ExtensionError

from bookext.notebooks import plain
from bookext.notebooks.plain import Code, Page

NUMBERS = {"figure": {"fig-a": (4, 1)}, "table": {"tab-a": (4, 2)}}
NUMBERS["displaymath"] = {"equation-eq-a": (4, 3)}
CASES = "\\begin{cases} a \\\\ b \\end{cases}"
QUOTE = "> a\n>\n> $$b = c$$"
FORMATS = {"figure": "Fig. %s", "table": "Table %s", "exercise": "Exercise %s"}


def page() -> Page:
    sections = {"": (4,), "#s": (4, 2)}
    found = {"toc_fignumbers": {"book/a": NUMBERS}, "toc_secnumbers": {"book/a": sections}}
    config = SimpleNamespace(numfig_format=FORMATS)
    return Page(SimpleNamespace(env=SimpleNamespace(**found), config=config), "book/a")


def paragraph(*children: nodes.Node | str) -> nodes.paragraph:
    parts = [nodes.Text(part) if isinstance(part, str) else part for part in children]
    return nodes.paragraph("", "", *parts)


def listed(*texts: str) -> list[nodes.list_item]:
    return [nodes.list_item("", paragraph(text)) for text in texts]


def cell(index: int) -> nodes.container:
    return nodes.container(classes=["cell"], cell_index=index)


def written(*blocks: nodes.Node) -> list[str | Code]:
    return page().blocks(blocks)


@pytest.mark.parametrize(
    "node, expected",
    [
        (paragraph("a *b* [c] $5 <d> x_i"), r"a \*b\* \[c\] \$5 \<d> x_i"),
        (paragraph("_y_ `z` \\n"), r"\_y\_ \`z\` \\n"),
        (paragraph("two\nlines"), "two lines"),
        (paragraph("# no title"), r"\# no title"),
        (paragraph("- no item"), r"\- no item"),
        (paragraph("1. no item"), r"1\. no item"),
        (paragraph("12. no item"), r"12\. no item"),
        (paragraph("1.5 and more"), "1.5 and more"),
        (paragraph(nodes.strong("", " bold ")), "**bold**"),
        (paragraph("a", nodes.emphasis("", " b "), "c"), "a *b* c"),
        (paragraph(nodes.literal("", "f(`x`)")), "``f(`x`)``"),
        (paragraph(nodes.math("", r"p(x \mid z)")), r"$p(x \mid z)$"),
        (paragraph(nodes.math("", "a<b")), "$a< b$"),
        (paragraph(nodes.reference("", "to", refuri="http://a/b(c)")), "[to](http://a/b%28c%29)"),
        (paragraph("see ", nodes.reference("", "(4.3)", refid="equation-eq-a")), "see (4.3)"),
        (paragraph("see ", nodes.reference("", "here", refuri="#below")), "see here"),
        (nodes.literal_block("", "x = 1", language="python"), "```python\nx = 1\n```"),
        (nodes.literal_block("", "```\nx\n```", language=""), "````\n```\nx\n```\n````"),
        (nodes.math_block("", "a = b", ids=["equation-eq-a"]), "$$\na = b \\tag{4.3}\n$$"),
        (nodes.math_block("", "a \\\\ b"), "$$\n\\begin{aligned}\na \\\\ b\n\\end{aligned}\n$$"),
        (nodes.math_block("", CASES), f"$$\n{CASES}\n$$"),
        (nodes.bullet_list("", *listed("a", "b")), "- a\n- b"),
        (nodes.enumerated_list("", *listed("a", "b"), start=3), "3. a\n4. b"),
        (nodes.bullet_list("", nodes.list_item("", paragraph("a"), paragraph("b"))), "- a\n\n  b"),
        (nodes.block_quote("", paragraph("a"), nodes.math_block("", "b\n= c")), QUOTE),
        (nodes.admonition("", nodes.title("", "T"), paragraph("a")), "> **T**\n>\n> a"),
        (nodes.note("", paragraph("a")), "> **Note**\n>\n> a"),
        (
            nodes.admonition("", nodes.title("", "T"), paragraph("a"), classes=["dropdown"]),
            "<details>\n<summary><b>T</b></summary>\n\na\n\n</details>",
        ),
    ],
)
def test_a_node_becomes_markdown(node: nodes.Node, expected: str) -> None:
    assert written(node) == [expected]


def entries(*texts: str | nodes.Node) -> nodes.row:
    return nodes.row("", *(nodes.entry("", paragraph(text)) for text in texts))


def test_a_table_has_a_heading_and_no_stray_bar() -> None:
    body = nodes.tbody("", entries("a|b", nodes.math("", r"p(x | z) \| q")))
    group = nodes.tgroup("", nodes.thead("", entries("one", "two")), body, cols=2)
    table = nodes.table("", nodes.title("", "caption"), group, ids=["tab-a"])
    caption, text = written(table)
    assert caption == "**Table 4.2.** caption"
    assert text == "| one | two |\n| --- | --- |\n| a\\|b | $p(x \\vert z) \\Vert q$ |"


def test_a_heading_has_its_level_and_number() -> None:
    inner = nodes.section("", nodes.title("", "Inner"), ids=["s"])
    bare = nodes.section("", nodes.title("", "Bare"), ids=["t"])
    outer = nodes.section("", nodes.title("", "Outer"), inner, bare, ids=["o"])
    assert written(outer) == ["# 4. Outer", "## 4.2. Inner", "## Bare"]


def test_the_caption_stands_below_the_figure() -> None:
    figure = nodes.figure("", nodes.image(uri="a.png"), nodes.caption("", "says"), ids=["fig-a"])
    container = cell(7)
    container += figure
    assert written(container) == [Code(7), "**Fig. 4.1.** says"]


def test_a_code_cell_interrupts_a_box() -> None:
    inside = [nodes.title("", "T"), paragraph("a"), cell(3), paragraph("b")]
    before, code, after = written(nodes.admonition("", *inside, classes=["dropdown"]))
    assert code == Code(3) and isinstance(code, Code)
    for text in (before, after):
        assert text.startswith("<details>\n<summary><b>T</b>") and text.endswith("</details>")


def test_a_code_cell_in_a_list_is_an_error() -> None:
    with pytest.raises(ExtensionError, match="a code cell stands in a list"):
        written(nodes.bullet_list("", nodes.list_item("", cell(3))))


class riddle(nodes.General, nodes.Element):
    pass


@pytest.mark.parametrize(
    "node, name",
    [
        (riddle("", paragraph("which?")), "<riddle >"),
        (nodes.container("", paragraph("x"), classes=["tabs"]), "<container tabs>"),
        (nodes.raw("", "<input type=radio>", format="html"), "<raw >"),
        (paragraph(nodes.image(uri="a.png")), "<image >"),
    ],
)
def test_a_node_that_nobody_writes_is_named(node: nodes.Node, name: str) -> None:
    said = f"does not know how to write the node {name}, in book/a"
    with pytest.raises(ExtensionError, match=said):
        written(node)


def test_a_function_can_be_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(plain.BLOCKS, "riddle", None)

    @plain.block("riddle")
    def write(page: Page, node: riddle) -> list[plain.Block]:
        return page.boxed("Riddle", page.blocks(node))

    assert written(riddle("", paragraph("which?"))) == ["> **Riddle**\n>\n> which?"]
