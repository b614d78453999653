"""Says of one order how it stands in the shop: `python order.py NUMBER`."""

import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()

from oscar.core.loading import get_model  # noqa: E402

order = get_model("order", "Order").objects.get(number=sys.argv[1])
sources = [
    {"type": one.source_type.name, "allocated": str(one.amount_allocated), "debited": str(one.amount_debited), "refunded": str(one.amount_refunded)}
    for one in order.sources.all()
]
print(json.dumps({"status": order.status, "total": str(order.total_incl_tax), "currency": order.currency, "sources": sources}))
