# SPDX-License-Identifier: MIT
"""For uvicorn."""
import server_work


async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    body = server_work.answer().encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})
