# SPDX-License-Identifier: MIT
"""Articles made from a seed (the same in each run), a search over the recent ones, and a cache."""
import pickle
import random
import re
import threading
import time
from collections import OrderedDict

WORDS = ("garnet ember cinder flame lantern harbour meadow granite thunder willow copper winter river forest "
         "signal marble velvet orchard pepper saddle anchor beacon candle desert engine fabric glacier hollow "
         "island jungle kettle ladder mirror needle oyster pillow quarry ribbon silver timber").split()


class Cache(object):
    """The last entries used, at most capacity of them."""

    def __init__(self, capacity):
        self.capacity = capacity
        self.entries = OrderedDict()
        self.lock = threading.Lock()

    def get(self, key, compute):
        with self.lock:
            if key in self.entries:
                value = self.entries.pop(key)
                self.entries[key] = value
                return value
        value = compute()
        with self.lock:
            self.entries[key] = value
            while len(self.entries) > self.capacity:
                self.entries.popitem(last=False)
        return value

    def save(self, seconds):
        """Whoever wants an entry meanwhile has to wait: that is the fault to be found."""
        with self.lock:
            end = time.time() + seconds
            while time.time() < end:
                pickle.dumps(self.entries)


class Store(object):
    def __init__(self, articles):
        chance = random.Random(1)
        self.articles = [self.write_article(number, chance) for number in range(articles)]
        self.recent = self.articles[-60:]
        self.cache = Cache(capacity=16)

    @staticmethod
    def write_article(number, chance):
        return {
            "id": number,
            "title": " ".join(chance.choice(WORDS) for _ in range(4)).title(),
            "text": " ".join(chance.choice(WORDS) for _ in range(120)),
            "tags": sorted(set(chance.choice(WORDS) for _ in range(4))),
            "score": chance.random(),
            "views": int(chance.expovariate(0.001)),
        }

    def page(self, number, size=20):
        newest = sorted(self.articles, key=lambda article: (-article["views"], article["title"]))
        return newest[(number - 1) * size:number * size]

    def search(self, word, order):
        pattern = re.compile(r"\b%s\w*" % re.escape(word), re.IGNORECASE)
        found = [article for article in self.recent if count_matches(pattern, article)]
        return sorted(found, key=lambda article: article[order], reverse=True)

    def report(self):
        return self.cache.get("report", lambda: summarize(self.articles))


def count_matches(pattern, article):
    return sum(1 for _ in pattern.finditer(article["text"]))


def percentile(ordered, share):
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def summarize(articles):
    views = sorted(article["views"] for article in articles)
    tags = {}
    for article in articles:
        for tag in article["tags"]:
            tags[tag] = tags.get(tag, 0) + article["views"]
    return {
        "views": dict(("p%d" % share, percentile(views, share / 100.0)) for share in (50, 90, 99)),
        "tags": sorted(tags.items(), key=lambda item: item[1], reverse=True)[:10],
    }
