# SPDX-License-Identifier: MIT
"""HTTP, as far as this service needs it: text in, a Request; a status and a body in, text out."""
import re

REQUEST_LINE = re.compile(r"(?P<method>[A-Z]+) (?P<path>[^ ?]*)(?:\?(?P<query>[^ ]*))? HTTP/1\.[01]\r\n")
HEADER = re.compile(r"([!-9;-~]+):[ \t]*([^\r\n]*?)[ \t]*\r\n")
ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found"}


class Request(object):
    def __init__(self, method, path, query, headers):
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers


def unquote(text):
    return ESCAPE.sub(lambda match: chr(int(match.group(1), 16)), text.replace("+", " "))


def parse_pairs(text, separator):
    pairs = {}
    for part in text.split(separator):
        name, _, value = part.partition("=")
        if name:
            pairs[unquote(name.strip())] = unquote(value.strip())
    return pairs


def parse_headers(raw, position):
    headers = {}
    for match in HEADER.finditer(raw, position):
        headers[match.group(1).lower()] = match.group(2)
    if "cookie" in headers:
        headers["cookie"] = parse_pairs(headers["cookie"], ";")
    return headers


def parse_request(raw):
    match = REQUEST_LINE.match(raw)
    if not match:
        return Request("GET", "", {}, {})
    query = parse_pairs(match.group("query") or "", "&")
    return Request(match.group("method"), unquote(match.group("path")), query, parse_headers(raw, match.end()))


def format_response(status, content_type, body):
    data = body.encode("utf-8")
    head = "HTTP/1.1 %d %s\r\nContent-Type: %s; charset=utf-8\r\nContent-Length: %d\r\n\r\n" % (
        status, REASONS[status], content_type, len(data))
    return head.encode("ascii") + data
