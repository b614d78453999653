"""Fills a fresh shop: tables, files, two categories with products, one customer, one member of staff. Prints nothing when all is well."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()

from decimal import Decimal  # noqa: E402

from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from oscar.apps.catalogue.categories import create_from_breadcrumbs  # noqa: E402
from oscar.core.loading import get_model  # noqa: E402

PRODUCTS = [
    ("Tableware", "Peat mug", "Holds a quarter of a litre and the heat.", "18.50"),
    ("Tableware", "Salt bowl", "For salt, rings and small change.", "12.00"),
    ("Textiles", "Linen towel", "Dries glasses without a trace.", "14.90"),
]


def fill():
    Country = get_model("address", "Country")
    Country.objects.create(
        iso_3166_1_a2="GB", iso_3166_1_a3="GBR", iso_3166_1_numeric="826", printable_name="United Kingdom",
        name="United Kingdom", display_order=1, is_shipping_country=True,
    )
    kind = get_model("catalogue", "ProductClass").objects.create(name="Thing", requires_shipping=True, track_stock=True)
    partner = get_model("partner", "Partner").objects.create(name="Potter's Yard", code="yard")
    Product = get_model("catalogue", "Product")
    for number, (category, title, description, price) in enumerate(PRODUCTS, start=1):
        product = Product.objects.create(title=title, description=description, product_class=kind, upc=f"PY-{number}")
        product.categories.add(create_from_breadcrumbs(category))
        partner.stockrecords.create(
            product=product, partner_sku=f"PY-{number}", price=Decimal(price), price_currency="GBP", num_in_stock=50
        )
    get_user_model().objects.create_user(
        "una", email="una@shop.example", password="green copper weather vane", is_staff=True, is_superuser=True
    )
    get_user_model().objects.create_user("kim", email="kim@shop.example", password="two green lanterns sway")
    get_user_model().objects.create_user("ida", email="ida@shop.example", password="blue harbour lantern 7")


call_command("migrate", verbosity=0, interactive=False)
call_command("collectstatic", verbosity=0, interactive=False)
fill()
call_command("rebuild_index", verbosity=0, interactive=False)
