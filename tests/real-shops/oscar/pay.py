"""What a django-oscar shop adds to have its orders paid through Storeward: a view that leads there by a signed link, and one that hears what
became of it. `pay_link` is the example of docs/payments.md, word for word; the test writes it beside."""

import base64
import hashlib
import hmac
import json
import os
import time
from decimal import Decimal
from pathlib import Path

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from oscar.core.loading import get_model
from pay_link import pay_link

Order = get_model("order", "Order")
Source = get_model("payment", "Source")
SourceType = get_model("payment", "SourceType")


def secret(name):
    return Path(os.environ[name]).read_text().strip()


@login_required
def pay(request, number):
    order = get_object_or_404(Order, number=number, user=request.user)
    amount = int(order.total_incl_tax * 100)
    back = request.build_absolute_uri(reverse("customer:order", kwargs={"order_number": number}))
    return redirect(pay_link(secret("OSCAR_LINK_SECRET"), number, amount, order.currency, back, str(order.user_id)))


def is_signed(request):
    """Standard Webhooks 1.0: HMAC-SHA-256 over id, moment and body."""
    told, at = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    if not at.isdigit() or abs(time.time() - int(at)) > 300:
        return False
    key = base64.b64decode(secret("OSCAR_NEWS_SECRET").removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, f"{told}.{at}.".encode() + request.body, hashlib.sha256).digest()).decode()
    given = request.headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(one, f"v1,{expected}") for one in given)


@csrf_exempt
@require_POST
def news(request):
    if not is_signed(request):
        return HttpResponseBadRequest("not signed")
    said = json.loads(request.body)["data"]
    money = {name: Decimal(said[name]) / 100 for name in ("authorized", "captured", "refunded")}
    with transaction.atomic():
        order = Order.objects.select_for_update().filter(number=said["order"], currency=said["currency"]).first()
        if order is None:
            return HttpResponse(status=204)
        kind, _ = SourceType.objects.get_or_create(code="storeward", defaults={"name": "Storeward"})
        source, _ = Source.objects.get_or_create(order=order, source_type=kind, reference=said["id"], defaults={"currency": order.currency})
        # News come late, twice and out of their order: the newest version counts.
        if int(source.label or 0) >= said["version"]:
            return HttpResponse(status=204)
        source.label = str(said["version"])
        source.amount_allocated = max(money["authorized"], money["captured"])
        source.amount_debited, source.amount_refunded = money["captured"], money["refunded"]
        source.save()
        if order.status == "Pending" and money["captured"] == order.total_incl_tax:
            order.set_status("Paid")
    return HttpResponse(status=204)
