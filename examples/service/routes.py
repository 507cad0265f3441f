# SPDX-License-Identifier: MIT
"""Which handler answers which path, and the handlers."""
import json
import re

import templates

LIST_PAGE = templates.Template("""<!doctype html><title>{{ title }}</title><h1>{{ title }}</h1>
{% for article in articles %}<article id="{{ article.id }}"><h2>{{ article.title }}</h2>
<p>{{ article.text }}</p>{% if article.tags %}<ul>{% for tag in article.tags %}<li>{{ tag }}</li>{% end %}</ul>{% end %}
</article>{% end %}""")
ARTICLE_PAGE = templates.Template("""<!doctype html><title>{{ article.title }}</title>
<h1>{{ article.title }}</h1><p>{{ article.text }}</p><p>{{ article.views }} views</p>""")


class Router(object):
    def __init__(self):
        self.routes = []

    def add(self, pattern, handler):
        self.routes.append((re.compile(pattern + r"\Z"), handler))

    def dispatch(self, request):
        for pattern, handler in self.routes:
            match = pattern.match(request.path)
            if match:
                return handler(request, *match.groups())
        return 404, "text/plain", "no such page: " + request.path


class Handlers(object):
    def __init__(self, store):
        self.store = store

    def list_articles(self, request):
        number = int(request.query.get("page", "1"))
        page = self.store.page(number)
        return 200, "text/html", LIST_PAGE.render(title="Page %d" % number, articles=page)

    def show_article(self, request, number):
        article = self.store.articles[int(number)]
        key = "article-" + number
        return 200, "text/html", self.store.cache.get(key, lambda: ARTICLE_PAGE.render(article=article))

    def search(self, request):
        word = request.query.get("q", "")
        found = self.store.search(word, request.query.get("order", "score"))
        return 200, "text/html", LIST_PAGE.render(title="Search: " + word, articles=found[:10])

    def api_articles(self, request):
        limit = int(request.query.get("limit", "10"))
        return 200, "application/json", json.dumps(self.store.articles[:limit], sort_keys=True)

    def api_report(self, request):
        return 200, "application/json", json.dumps(self.store.report(), indent=2, sort_keys=True)


def build_router(store):
    handlers = Handlers(store)
    router = Router()
    router.add(r"/articles", handlers.list_articles)
    router.add(r"/articles/(\d+)", handlers.show_article)
    router.add(r"/search", handlers.search)
    router.add(r"/api/articles", handlers.api_articles)
    router.add(r"/api/report", handlers.api_report)
    return router
