# SPDX-License-Identifier: MIT
"""A Django project in one file: server_django.py runserver PORT"""
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path

import server_work


def view(request):
    return HttpResponse(server_work.answer())


urlpatterns = [path("", view)]
if not settings.configured:
    settings.configure(DEBUG=True, ROOT_URLCONF=__name__, SECRET_KEY="of a test", ALLOWED_HOSTS=["*"])
if __name__ == "__main__":
    execute_from_command_line(sys.argv)
