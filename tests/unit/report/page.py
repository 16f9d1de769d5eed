"""A small tree of an HTML page, for asking questions about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "hr", "input"}


@dataclass
class Node:
    """One element with what stands in it, in order."""

    tag: str
    attributes: dict[str, str]
    content: list[Node | str] = field(default_factory=list)

    @property
    def children(self) -> list[Node]:
        """The elements directly in it."""
        return [item for item in self.content if isinstance(item, Node)]

    def walk(self) -> Iterator[Node]:
        """This element and everything in it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def all(self, tag: str = "", class_: str = "") -> list[Node]:
        """Elements of a tag and a class within this one."""
        return [n for n in self.walk() if tag in {"", n.tag} and (not class_ or class_ in n.classes)]

    def one(self, tag: str = "", class_: str = "") -> Node:
        """The only such element."""
        found = self.all(tag, class_)
        assert len(found) == 1, (tag, class_, len(found))
        return found[0]

    def by_id(self, key: str) -> Node:
        """The only element with that id."""
        found = [node for node in self.walk() if node.attributes.get("id") == key]
        assert len(found) == 1, (key, len(found))
        return found[0]

    @property
    def classes(self) -> list[str]:
        """Its CSS classes."""
        return self.attributes.get("class", "").split()

    @property
    def text(self) -> str:
        """Everything written in it, as one line."""
        pieces = (item if isinstance(item, str) else item.text for item in self.content)
        return " ".join(" ".join(pieces).split())


class _Builder(HTMLParser):
    """Refuses a page whose elements are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Node("document", {})
        self.stack = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.stack[-1].content.append(node)
        if tag not in VOID:
            self.stack.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.stack[-1].content.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack[-1].tag == tag, f"</{tag}> closes <{self.stack[-1].tag}>"
        self.stack.pop()

    def handle_data(self, data: str) -> None:
        self.stack[-1].content.append(data)


def parse(html: str) -> Node:
    """The page as a tree."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    assert len(builder.stack) == 1, f"<{builder.stack[-1].tag}> is not closed"
    return builder.root
