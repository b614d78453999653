"""Puts the providers' published OpenAPI documents into one folder, as the stand-ins read them.

usage: prepare.py FOLDER [--stripe CHECKOUT [--revision REVISION]] [--paypal CHECKOUT]

CHECKOUT is a clone of github.com/stripe/openapi or github.com/paypal/paypal-rest-api-specifications, bare or not. Stripe's newest
document is taken, `openapi/spec3.json`; with --revision, `openapi/spec3.yaml` of that commit (needs PyYAML). Then:

    STOREWARD_PROVIDER_CONTRACTS=FOLDER cargo nextest run -p storeward-emulators

Nothing of these documents is kept in this repository.
"""

import argparse
import json
import pathlib
import subprocess

PAYPAL = (
    "checkout_orders_v2",
    "customer_disputes_v1",
    "notifications_webhooks_v1",
    "payments_payment_v2",
    "reporting_transactions_v1",
    "vault_payment_tokens_v3",
)


def shown(checkout, revision, path):
    words = ["git", "-C", checkout, "show", f"{revision}:{path}"]
    return subprocess.run(words, check=True, capture_output=True).stdout


def stripe(folder, checkout, revision):
    if revision is None:
        text = shown(checkout, "HEAD", "openapi/spec3.json")
    else:
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        document = yaml.load(shown(checkout, revision, "openapi/spec3.yaml"), loader)
        text = json.dumps(document, default=str).encode()
    (folder / "stripe.json").write_bytes(text)


def paypal(folder, checkout):
    for name in PAYPAL:
        (folder / f"{name}.json").write_bytes(shown(checkout, "HEAD", f"openapi/{name}.json"))


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("folder", type=pathlib.Path)
    words.add_argument("--stripe")
    words.add_argument("--revision")
    words.add_argument("--paypal")
    given = words.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.stripe:
        stripe(given.folder, given.stripe, given.revision)
    if given.paypal:
        paypal(given.folder, given.paypal)


main()
