// Stripe's own client for Node against the stand-in: the whole way of a payment, and each kind of error by its class.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import Stripe from 'stripe';

import { emulators, mailbox } from './lib/emulators.mjs';

const NO_REDIRECT = { automatic_payment_methods: { enabled: true, allow_redirects: 'never' } };
const PAY = { amount: 1999, currency: 'eur', confirm: true, payment_method: 'pm_card_visa', ...NO_REDIRECT, metadata: { order: 'A1' } };

let at;
let stripe;

before(async () => {
  at = await emulators();
  stripe = client();
});

after(() => at?.stop());

function client(more = {}, key = at.stripe.secret_key) {
  const url = new URL(at.stripe.address);
  return new Stripe(key, { host: url.hostname, port: url.port, protocol: 'http', maxNetworkRetries: 0, telemetry: false, ...more });
}

function fails(promise, type, more = {}) {
  return assert.rejects(promise, (error) => {
    assert.equal(error.type, type, error.message);
    for (const [name, value] of Object.entries(more)) assert.equal(error[name], value, `${name}: ${error.message}`);
    return true;
  });
}

test('the stand-in speaks the version that the client pins', () => {
  assert.equal(Stripe.API_VERSION ?? stripe.getApiField('version'), at.stripe.version);
});

test('charge, refund, over-refund', async () => {
  const intent = await stripe.paymentIntents.create({ ...PAY, expand: ['latest_charge.balance_transaction'], capture_method: 'automatic' });
  assert.equal(intent.status, 'succeeded');
  assert.equal(intent.latest_charge.outcome.network_status, 'approved_by_network');
  assert.equal(intent.latest_charge.balance_transaction.net, 1999 - intent.latest_charge.balance_transaction.fee);
  const refund = await stripe.refunds.create({ payment_intent: intent.id, amount: 500, reason: 'requested_by_customer' });
  assert.equal(refund.status, 'succeeded');
  await fails(stripe.refunds.create({ payment_intent: intent.id, amount: 1500 }), 'StripeInvalidRequestError');
  await stripe.refunds.create({ payment_intent: intent.id });
  await fails(stripe.refunds.create({ payment_intent: intent.id }), 'StripeInvalidRequestError', { code: 'charge_already_refunded' });
});

test('hold, capture in part, cancel', async () => {
  const held = await stripe.paymentIntents.create({ ...PAY, capture_method: 'manual' });
  assert.equal(held.status, 'requires_capture');
  const captured = await stripe.paymentIntents.capture(held.id, { amount_to_capture: 1500 });
  assert.equal(captured.amount_received, 1500);
  await fails(stripe.paymentIntents.capture(held.id), 'StripeInvalidRequestError', { code: 'payment_intent_unexpected_state' });
  const other = await stripe.paymentIntents.create({ ...PAY, capture_method: 'manual' });
  assert.equal((await stripe.paymentIntents.cancel(other.id, { cancellation_reason: 'abandoned' })).status, 'canceled');
});

test('create, update, confirm apart', async () => {
  const made = await stripe.paymentIntents.create({ amount: 1000, currency: 'jpy', ...NO_REDIRECT });
  assert.equal(made.status, 'requires_payment_method');
  const changed = await stripe.paymentIntents.update(made.id, { amount: 1200, metadata: { order: 'B1' } });
  assert.equal(changed.amount, 1200);
  const paid = await stripe.paymentIntents.confirm(made.id, { payment_method: 'pm_card_mastercard' });
  assert.deepEqual([paid.status, paid.amount_received, paid.metadata.order], ['succeeded', 1200, 'B1']);
});

test('errors come as their classes', async () => {
  for (const [method, more] of [
    ['pm_card_visa_chargeDeclined', { code: 'card_declined', decline_code: 'generic_decline' }],
    ['pm_card_visa_chargeDeclinedInsufficientFunds', { code: 'card_declined', decline_code: 'insufficient_funds' }],
    ['pm_card_chargeDeclinedIncorrectCvc', { code: 'incorrect_cvc' }],
  ]) {
    await fails(stripe.paymentIntents.create({ ...PAY, payment_method: method }), 'StripeCardError', more);
  }
  await fails(stripe.paymentIntents.create({ ...PAY, amont: 1 }), 'StripeInvalidRequestError', { code: 'parameter_unknown', param: 'amont' });
  await fails(stripe.paymentIntents.create({ ...PAY, payment_method_types: ['card'] }), 'StripeInvalidRequestError', { code: 'parameter_unknown' });
  await fails(stripe.paymentIntents.retrieve('pi_none'), 'StripeInvalidRequestError', { code: 'resource_missing', statusCode: 404 });
  await fails(client({}, 'sk_test_stranger').balance.retrieve(), 'StripeAuthenticationError');
  await fails(client({ apiVersion: '2023-08-16' }).balance.retrieve(), 'StripeInvalidRequestError');
  await at.control('POST', '/faults', { provider: 'stripe', what: 'rate_limited', times: 1 });
  await fails(stripe.balance.retrieve(), 'StripeRateLimitError');
  await at.control('POST', '/faults', { provider: 'stripe', what: 'error_before', times: 1 });
  await fails(stripe.balance.retrieve(), 'StripeAPIError');
  await at.control('POST', '/faults', { provider: 'stripe', what: 'drop_before', times: 2 });
  // Twice: a connection that was closed under it the client tries once more by itself.
  await fails(stripe.balance.retrieve(), 'StripeConnectionError');
});

test('keys: replayed, refused with other parameters, and what the client itself sends again is done once', async () => {
  const first = await stripe.paymentIntents.create(PAY, { idempotencyKey: 'k1' });
  const again = await stripe.paymentIntents.create(PAY, { idempotencyKey: 'k1' });
  assert.equal(first.id, again.id);
  assert.equal(again.lastResponse.headers['idempotent-replayed'], 'true');
  await fails(stripe.paymentIntents.create({ ...PAY, amount: 5000 }, { idempotencyKey: 'k1' }), 'StripeIdempotencyError');
  const before = (await at.effects('capture')).length;
  await at.control('POST', '/faults', { provider: 'stripe', what: 'drop_after', path: '/v1/payment_intents', times: 1 });
  const paid = await client({ maxNetworkRetries: 2 }).paymentIntents.create(PAY);
  assert.equal(paid.status, 'succeeded');
  assert.equal((await at.effects('capture')).length - before, 1);
});

test('Checkout: create, pay as a buyer, read, expire', async () => {
  const params = {
    mode: 'payment', success_url: 'http://shop.test/ok?s={CHECKOUT_SESSION_ID}', cancel_url: 'http://shop.test/no', client_reference_id: 'A1',
    line_items: [{ quantity: 2, price_data: { currency: 'eur', unit_amount: 1250, product_data: { name: 'Cup' } } }],
    payment_intent_data: { metadata: { order: 'A1' }, capture_method: 'manual' },
  };
  const session = await stripe.checkout.sessions.create(params);
  assert.equal(session.amount_total, 2500);
  await assert.rejects(at.control('POST', '/stripe/pay', { session: session.id, number: '4000000000000002' }), /declined/);
  const { location } = await at.control('POST', '/stripe/pay', { session: session.id, number: '4242424242424242' });
  assert.equal(location, `http://shop.test/ok?s=${session.id}`);
  const done = await stripe.checkout.sessions.retrieve(session.id, { expand: ['payment_intent.latest_charge', 'line_items'] });
  assert.deepEqual([done.status, done.payment_status, done.payment_intent.status], ['complete', 'unpaid', 'requires_capture']);
  assert.equal(done.payment_intent.latest_charge.captured, false);
  const items = await stripe.checkout.sessions.listLineItems(session.id);
  assert.equal(items.data[0].amount_total, 2500);
  const other = await stripe.checkout.sessions.create(params);
  assert.equal((await stripe.checkout.sessions.expire(other.id)).status, 'expired');
  await fails(stripe.checkout.sessions.expire(session.id), 'StripeInvalidRequestError');
});

test('3-D Secure', async () => {
  const intent = await stripe.paymentIntents.create({ ...PAY, payment_method: 'pm_card_authenticationRequired', return_url: 'http://shop.test/back' });
  assert.equal(intent.next_action.type, 'redirect_to_url');
  const answer = await fetch(intent.next_action.redirect_to_url.url, { method: 'POST', body: 'answer=complete', redirect: 'manual' });
  assert.match(answer.headers.get('location'), /redirect_status=succeeded/);
  assert.equal((await stripe.paymentIntents.retrieve(intent.id)).status, 'succeeded');
});

test('a saved card', async () => {
  const customer = await stripe.customers.create({ email: 'ida@people.example' });
  const setup = await stripe.setupIntents.create({ customer: customer.id, payment_method: 'pm_card_visa', confirm: true, ...NO_REDIRECT });
  assert.equal(setup.status, 'succeeded');
  const { data } = await stripe.customers.listPaymentMethods(customer.id);
  const paid = await stripe.paymentIntents.create({ ...PAY, customer: customer.id, payment_method: data[0].id, off_session: true });
  assert.equal(paid.status, 'succeeded');
  await stripe.paymentMethods.detach(data[0].id);
  await fails(stripe.paymentIntents.create({ ...PAY, customer: customer.id, payment_method: data[0].id }), 'StripeInvalidRequestError');
  assert.equal((await stripe.customers.del(customer.id)).deleted, true);
});

test('a dispute', async () => {
  const intent = await stripe.paymentIntents.create(PAY);
  const { id } = await at.control('POST', '/disputes', { provider: 'stripe', payment: intent.latest_charge, reason: 'product_not_received' });
  const dispute = await stripe.disputes.update(id, { evidence: { uncategorized_text: 'winning_evidence', customer_name: 'Ida' } });
  assert.equal(dispute.status, 'under_review');
  await at.control('POST', '/clock', { advance_s: 61 });
  assert.equal((await stripe.disputes.retrieve(id)).status, 'won');
  const entries = await stripe.balanceTransactions.list({ source: id });
  assert.equal(entries.data.reduce((sum, entry) => sum + entry.net, 0), 0);
});

test('webhooks hold before the official verifier, and events can be listed page by page', async () => {
  const box = await mailbox();
  try {
    const endpoint = await stripe.webhookEndpoints.create({ url: box.url, enabled_events: ['payment_intent.succeeded', 'refund.created'] });
    const intent = await stripe.paymentIntents.create(PAY);
    await stripe.refunds.create({ payment_intent: intent.id });
    const mails = await box.until((all) => all.length >= 2);
    for (const mail of mails) {
      const signature = mail.headers['stripe-signature'];
      const now = Number(/t=(\d+)/.exec(signature)[1]) * 1000;
      const event = stripe.webhooks.constructEvent(mail.body, signature, endpoint.secret, 300, undefined, now);
      assert.equal(event.api_version, at.stripe.version);
      assert.throws(() => stripe.webhooks.constructEvent(`${mail.body} `, signature, endpoint.secret, 300, undefined, now));
      assert.equal((await stripe.events.retrieve(event.id)).type, event.type);
    }
    assert.equal((await stripe.webhookEndpoints.del(endpoint.id)).deleted, true);
    const seen = new Set();
    for await (const event of stripe.events.list({ limit: 7 })) seen.add(event.id);
    assert.ok(seen.size > 14, `${seen.size}`);
  } finally {
    box.close();
  }
});
