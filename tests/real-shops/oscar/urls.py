"""django-oscar's own pages, and its files, which a web server would serve elsewhere."""

import os

from django.apps import apps
from django.conf import settings
from django.urls import include, path, re_path
from django.views.static import serve

payments = []
if os.environ.get("OSCAR_LINK_SECRET"):
    import pay

    payments = [path("pay/<str:number>/", pay.pay, name="pay"), path("storeward-news/", pay.news)]

urlpatterns = [
    path("i18n/", include("django.conf.urls.i18n")),
    re_path(r"^static/(?P<path>.*)$", serve, {"document_root": settings.STATIC_ROOT}),
    re_path(r"^media/(?P<path>.*)$", serve, {"document_root": settings.MEDIA_ROOT}),
    *payments,
    path("", include(apps.get_app_config("oscar").urls[0])),
]
