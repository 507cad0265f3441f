# SPDX-License-Identifier: MIT
"""For gunicorn and uWSGI."""
import server_work


def application(environ, start_response):
    body = server_work.answer().encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
