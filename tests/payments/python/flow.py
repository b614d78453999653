"""Stripe's own client for Python against the stand-in. Arguments: address, secret key, control address of the stand-in."""

import json
import sys
import urllib.request

import stripe

address, key, control = sys.argv[1:4]
client = stripe.StripeClient(key, base_addresses={"api": address}, max_network_retries=0)
PAY = {
    "amount": 1999,
    "currency": "eur",
    "confirm": True,
    "payment_method": "pm_card_visa",
    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
    "metadata": {"order": "A1"},
}


def raises(kind, act, **expected):
    try:
        act()
    except kind as error:
        for name, value in expected.items():
            assert getattr(error, name) == value, (name, getattr(error, name))
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


def told(method, path, body=None):
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(control + path, data=data, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


intents, refunds = client.v1.payment_intents, client.v1.refunds

paid = intents.create(PAY)
assert paid.status == "succeeded" and paid.metadata["order"] == "A1"
assert refunds.create({"payment_intent": paid.id, "amount": 500}).status == "succeeded"
raises(stripe.InvalidRequestError, lambda: refunds.create({"payment_intent": paid.id, "amount": 1500}))
print("charge, refund, over-refund")

held = intents.create({**PAY, "capture_method": "manual"})
assert intents.capture(held.id, {"amount_to_capture": 1500}).amount_received == 1500
raises(stripe.InvalidRequestError, lambda: intents.capture(held.id), code="payment_intent_unexpected_state")
print("hold, capture")

declined = raises(
    stripe.CardError,
    lambda: intents.create({**PAY, "payment_method": "pm_card_visa_chargeDeclinedInsufficientFunds"}),
    code="card_declined",
    http_status=402,
)
assert declined.error.decline_code == "insufficient_funds"
raises(stripe.InvalidRequestError, lambda: intents.create({**PAY, "amont": 1}), param="amont")
print("declines")

options = {"idempotency_key": "one"}
first, again = intents.create(PAY, options), intents.create(PAY, options)
assert first.id == again.id
raises(stripe.IdempotencyError, lambda: intents.create({**PAY, "amount": 5}, options))
stranger = stripe.StripeClient("sk_test_stranger", base_addresses={"api": address}, max_network_retries=0)
raises(stripe.AuthenticationError, lambda: stranger.v1.balance.retrieve())
print("keys")

session = client.v1.checkout.sessions.create(
    {
        "mode": "payment",
        "success_url": "http://shop.test/ok",
        "line_items": [
            {"quantity": 2, "price_data": {"currency": "eur", "unit_amount": 1250, "product_data": {"name": "Cup"}}}
        ],
    }
)
told("POST", "/stripe/pay", {"session": session.id, "number": "4242424242424242"})
done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
assert (done.status, done.payment_status, done.payment_intent.status) == ("complete", "paid", "succeeded")
print("Checkout")

before = sum(effect["kind"] == "capture" for effect in told("GET", "/effects")["effects"])
told("POST", "/faults", {"provider": "stripe", "what": "drop_after", "path": "/v1/payment_intents", "times": 1})
again = stripe.StripeClient(key, base_addresses={"api": address}, max_network_retries=2)
assert again.v1.payment_intents.create(PAY).status == "succeeded"
after = sum(effect["kind"] == "capture" for effect in told("GET", "/effects")["effects"])
assert after - before == 1, (before, after)
print("what the client sends again is done once")

count = sum(1 for _ in client.v1.events.list({"limit": 5}).auto_paging_iter())
assert count > 10, count
print("events")
