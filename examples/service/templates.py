# SPDX-License-Identifier: MIT
"""A template language of three forms: {{ name.key }}, {% for x in name %} ... {% end %}, {% if name %} ... {% end %}."""
import re

TOKEN = re.compile(r"(\{\{.*?\}\}|\{%.*?%\})")
UNSAFE = re.compile(r"[&<>\"]")
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def escape(text):
    return UNSAFE.sub(lambda match: ENTITIES[match.group()], text)


def look_up(path, scope):
    value = scope[path[0]]
    for key in path[1:]:
        value = value[key]
    return value


class Text(object):
    def __init__(self, text):
        self.text = text

    def render(self, scope):
        yield self.text


class Value(object):
    def __init__(self, path):
        self.path = path.split(".")

    def render(self, scope):
        yield escape(str(look_up(self.path, scope)))


class Block(object):
    def __init__(self):
        self.children = []

    def render(self, scope):
        for child in self.children:
            for piece in child.render(scope):
                yield piece


class For(Block):
    def __init__(self, name, path):
        Block.__init__(self)
        self.name = name
        self.path = path.split(".")

    def render(self, scope):
        for item in look_up(self.path, scope):
            inner = dict(scope)
            inner[self.name] = item
            for piece in Block.render(self, inner):
                yield piece


class If(Block):
    def __init__(self, path):
        Block.__init__(self)
        self.path = path.split(".")

    def render(self, scope):
        if look_up(self.path, scope):
            for piece in Block.render(self, scope):
                yield piece


class Template(object):
    def __init__(self, source):
        self.root = self.parse(source)

    @staticmethod
    def parse(source):
        stack = [Block()]
        for token in TOKEN.split(source):
            words = token[2:-2].split()
            if token.startswith("{{"):
                stack[-1].children.append(Value(words[0]))
            elif token.startswith("{%") and words[0] == "end":
                stack.pop()
            elif token.startswith("{%"):
                block = For(words[1], words[3]) if words[0] == "for" else If(words[1])
                stack[-1].children.append(block)
                stack.append(block)
            else:
                stack[-1].children.append(Text(token))
        return stack[0]

    def render(self, **scope):
        return "".join(self.root.render(scope))
