"""People of a shop that fill.py made: a customer with an address, a card and orders, a guest, notes, a review, mails. Prints their ids as JSON."""

import json
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()

from datetime import date  # noqa: E402
from decimal import Decimal  # noqa: E402

from django.contrib.auth import get_user_model  # noqa: E402
from oscar.core.loading import get_model  # noqa: E402

Country = get_model("address", "Country")
Order = get_model("order", "Order")
Line = get_model("order", "Line")


def address(kind, first, last):
    return kind(
        first_name=first, last_name=last, line1="4 Slate Roof Lane", line2="Back door", line4="Thornbeck", postcode="N12 9ET",
        country=Country.objects.get(iso_3166_1_a2="GB"),
    )


def order(number, first, last, user=None, guest=""):
    shipping = address(get_model("order", "ShippingAddress"), first, last)
    shipping.phone_number = "+441632960123"
    shipping.notes = "Ring twice"
    shipping.save()
    billing = address(get_model("order", "BillingAddress"), first, last)
    billing.save()
    made = Order.objects.create(
        number=number, user=user, guest_email=guest, currency="GBP", total_incl_tax=Decimal("42.50"), total_excl_tax=Decimal("42.50"),
        shipping_incl_tax=Decimal("0"), shipping_excl_tax=Decimal("0"), status="Pending", shipping_address=shipping, billing_address=billing,
    )
    product = get_model("catalogue", "Product").objects.get(upc="PY-1")
    price = {"unit_price_incl_tax": Decimal("21.25"), "unit_price_excl_tax": Decimal("21.25")}
    totals = {name: Decimal("42.50") for name in (
        "line_price_incl_tax", "line_price_excl_tax", "line_price_before_discounts_incl_tax", "line_price_before_discounts_excl_tax")}
    Line.objects.create(order=made, product=product, title=product.title, quantity=2, partner_sku="PY-1", num_allocated=0, **price, **totals)
    return made


ella = get_user_model().objects.create_user("ella", email="ella@people.example", password="x" * 20, first_name="Ella", last_name="Kiln")
kept = address(get_model("address", "UserAddress"), "Ella", "Kiln")
kept.user, kept.phone_number = ella, "+441632960123"
kept.save()
first = order("100021", "Ella", "Kiln", user=ella)
order("100022", "Greta", "Gast", guest="greta@guests.example")
note = get_model("order", "OrderNote").objects.create(order=first, user=ella, note_type="Info", message="Asked by ella@people.example")
get_model("communication", "Email").objects.create(user=ella, email=ella.email, subject="Your order 100021", body_text="A link: /reset/secret")
kind = get_model("payment", "SourceType").objects.create(name="Cards by post", code="post")
get_model("payment", "Source").objects.create(order=first, source_type=kind, reference="pay_1", amount_allocated=Decimal("42.50"))
get_model("payment", "Bankcard").objects.create(
    user=ella, card_type="Visa", name="Ella Kiln", number="4242424242424242", expiry_date=date(2029, 1, 31), partner_reference="tok_1")
product = get_model("catalogue", "Product").objects.get(upc="PY-1")
review = get_model("reviews", "ProductReview").objects.create(
    product=product, score=5, title="Warm", body="Holds the heat", name="Greta Gast", email="greta@guests.example")
print(json.dumps({"user": ella.id, "order": "100021", "note": note.id, "review": review.id}))
