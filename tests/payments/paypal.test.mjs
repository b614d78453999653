// PayPal's own client for Node against the stand-in. The client knows PayPal's two hosts only; its connections are led to the
// stand-in, and what it checks of each answer by its own schemas it checks here.
import assert from 'node:assert/strict';
import https from 'node:https';
import net from 'node:net';
import { after, before, test } from 'node:test';

import { ApiError, CheckoutPaymentIntent, Client, Environment, OrdersController, PaymentsController, TransactionSearchController, VaultController, VaultTokenRequestType } from '@paypal/paypal-server-sdk';

import { emulators } from './lib/emulators.mjs';

const RETURN = { returnUrl: 'http://shop.test/ok', cancelUrl: 'http://shop.test/no' };

let at;
let orders;
let payments;
let vault;
let search;

/** Connections that end up at the stand-in, in the clear. */
class Led extends https.Agent {
  createConnection(options, done) {
    const url = new URL(at.paypal.address);
    return net.connect({ host: url.hostname, port: Number(url.port) }, done);
  }
}

before(async () => {
  at = await emulators();
  connect();
});

after(() => at?.stop());

/** A client with a token of its own. */
function connect() {
  const client = new Client({
    clientCredentialsAuthCredentials: { oAuthClientId: at.paypal.client_id, oAuthClientSecret: at.paypal.client_secret },
    environment: Environment.Sandbox,
    httpClientOptions: { httpsAgent: new Led(), retryConfig: { maxNumberOfRetries: 0 } },
  });
  orders = new OrdersController(client);
  payments = new PaymentsController(client);
  vault = new VaultController(client);
  search = new TransactionSearchController(client);
}

function body(intent, value = '19.99', currencyCode = 'EUR') {
  return {
    intent,
    purchaseUnits: [{ customId: 'A1', amount: { currencyCode, value } }],
    paymentSource: { paypal: { experienceContext: RETURN } },
  };
}

async function approved(intent, key) {
  const { result } = await orders.createOrder({ body: body(intent), paypalRequestId: key });
  assert.equal(result.status, 'PAYER_ACTION_REQUIRED');
  await at.control('POST', '/paypal/approve', { order: result.id });
  return result.id;
}

function fails(promise, status, issue) {
  return assert.rejects(promise, (error) => {
    assert.ok(error instanceof ApiError, `${error}`);
    assert.equal(error.statusCode, status, error.body);
    assert.equal(JSON.parse(error.body).details?.[0]?.issue, issue, error.body);
    return true;
  });
}

test('order, approval, capture, refunds', async () => {
  const id = await approved(CheckoutPaymentIntent.Capture, 'o1');
  const { result, statusCode } = await orders.captureOrder({ id, paypalRequestId: 'c1', prefer: 'return=representation' });
  assert.deepEqual([statusCode, result.status], [201, 'COMPLETED']);
  const capture = result.purchaseUnits[0].payments.captures[0];
  assert.equal(capture.sellerReceivableBreakdown.grossAmount.value, '19.99');
  const again = await orders.captureOrder({ id, paypalRequestId: 'c1' });
  assert.deepEqual([again.statusCode, again.result.purchaseUnits[0].payments.captures[0].id], [200, capture.id]);
  await fails(orders.captureOrder({ id, paypalRequestId: 'c2' }), 422, 'ORDER_ALREADY_CAPTURED');
  const refund = (value, key) => payments.refundCapturedPayment({
    captureId: capture.id, paypalRequestId: key, prefer: 'return=representation', body: { amount: { currencyCode: 'EUR', value } },
  });
  const part = await refund('5.00', 'r1');
  assert.equal(part.result.status, 'COMPLETED');
  assert.equal((await payments.getRefund({ refundId: part.result.id })).result.amount.value, '5.00');
  await fails(refund('15.00', 'r2'), 422, 'REFUND_AMOUNT_EXCEEDED');
  await refund('14.99', 'r3');
  assert.equal((await payments.getCapturedPayment({ captureId: capture.id })).result.status, 'REFUNDED');
  const { result: order } = await orders.getOrder({ id });
  assert.equal(order.purchaseUnits[0].payments.refunds.length, 2);
  assert.equal((await at.effects('capture')).length, 1);
});

test('authorization: captured in parts, voided, authorized anew', async () => {
  const id = await approved(CheckoutPaymentIntent.Authorize, 'o2');
  const { result } = await orders.authorizeOrder({ id, paypalRequestId: 'a2', prefer: 'return=representation' });
  const authorizationId = result.purchaseUnits[0].payments.authorizations[0].id;
  const capture = (value, key) => payments.captureAuthorizedPayment({
    authorizationId, paypalRequestId: key, body: { amount: { currencyCode: 'EUR', value }, finalCapture: false },
  });
  assert.equal((await capture('10.00', 'p1')).result.status, 'COMPLETED');
  assert.equal((await payments.getAuthorizedPayment({ authorizationId })).result.status, 'PARTIALLY_CAPTURED');
  await fails(capture('20.00', 'p2'), 422, 'MAX_CAPTURE_AMOUNT_EXCEEDED');
  const voided = await payments.voidPayment({ authorizationId, paypalRequestId: 'v', prefer: 'return=representation' });
  assert.equal(voided.result.status, 'VOIDED');
  await fails(capture('1.00', 'p3'), 422, 'AUTHORIZATION_VOIDED');

  const other = await approved(CheckoutPaymentIntent.Authorize, 'o3');
  const made = await orders.authorizeOrder({ id: other, paypalRequestId: 'a3', prefer: 'return=representation' });
  const again = { authorizationId: made.result.purchaseUnits[0].payments.authorizations[0].id, body: {} };
  await fails(payments.reauthorizePayment({ ...again, paypalRequestId: 'x1' }), 422, 'REAUTHORIZATION_NOT_SUPPORTED');
  await at.control('POST', '/clock', { advance_s: 4 * 24 * 3600 });
  // The client goes by its own clock and does not see that its token is over.
  connect();
  const { result: renewed } = await payments.reauthorizePayment({ ...again, paypalRequestId: 'x2' });
  assert.equal(renewed.status, 'CREATED');
});

test('what PayPal refuses is refused', async () => {
  const create = (order, key) => orders.createOrder({ body: order, paypalRequestId: key });
  await fails(create(body(CheckoutPaymentIntent.Capture, '19.999'), 'f1'), 422, 'DECIMAL_PRECISION');
  await fails(create(body(CheckoutPaymentIntent.Capture, '5.00', 'JPY'), 'f2'), 422, 'DECIMAL_PRECISION');
  await fails(create(body(CheckoutPaymentIntent.Capture, '0.00'), 'f3'), 422, 'CANNOT_BE_ZERO_OR_NEGATIVE');
  await fails(create(body(CheckoutPaymentIntent.Capture)), 400, 'PAYPAL_REQUEST_ID_REQUIRED');
  const { result } = await create(body(CheckoutPaymentIntent.Capture), 'f4');
  await fails(orders.captureOrder({ id: result.id, paypalRequestId: 'f5' }), 422, 'ORDER_NOT_APPROVED');
  await at.control('POST', '/paypal/approve', { order: result.id, declines: true });
  await fails(orders.captureOrder({ id: result.id, paypalRequestId: 'f6' }), 422, 'INSTRUMENT_DECLINED');
  await fails(orders.getOrder({ id: 'NOTHING' }), 404, 'INVALID_RESOURCE_ID');
});

test('an order is changed before it is approved', async () => {
  const { result } = await orders.createOrder({ body: { ...body(CheckoutPaymentIntent.Capture), paymentSource: undefined } });
  await orders.patchOrder({ id: result.id, body: [{ op: 'replace', path: "/purchase_units/@reference_id=='default'/amount", value: { currency_code: 'EUR', value: '9.99' } }] });
  assert.equal((await orders.getOrder({ id: result.id })).result.purchaseUnits[0].amount.value, '9.99');
});

test('a buyer is remembered, pays without a page and is forgotten', async () => {
  const { result: setup } = await vault.createSetupToken({
    paypalRequestId: 's1',
    body: { customer: { id: 'CUSTOMER1' }, paymentSource: { paypal: { usageType: 'MERCHANT', experienceContext: RETURN } } },
  });
  const body = { paymentSource: { token: { id: setup.id, type: VaultTokenRequestType.SetupToken } } };
  await assert.rejects(vault.createPaymentToken({ paypalRequestId: 't0', body }));
  await at.control('POST', '/paypal/agree', { token: setup.id });
  const { result: token } = await vault.createPaymentToken({ paypalRequestId: 't1', body });
  const { result: list } = await vault.listCustomerPaymentTokens({ customerId: 'CUSTOMER1' });
  assert.deepEqual(list.paymentTokens.map((one) => one.id), [token.id]);
  const order = {
    intent: CheckoutPaymentIntent.Capture,
    purchaseUnits: [{ amount: { currencyCode: 'EUR', value: '7.50' } }],
    paymentSource: { paypal: { vaultId: token.id } },
  };
  const { result } = await orders.createOrder({ body: order, paypalRequestId: 'v1' });
  assert.equal(result.status, 'COMPLETED');
  await vault.deletePaymentToken(token.id);
  await assert.rejects(vault.getPaymentToken(token.id));
});

test('what moved can be searched', async () => {
  const { now_s: now } = await at.control('GET', '/clock');
  const text = (seconds) => new Date(seconds * 1000).toISOString();
  const { result } = await search.searchTransactions({ startDate: text(now - 10 * 24 * 3600), endDate: text(now + 60), fields: 'all' });
  const codes = new Set(result.transactionDetails.map((one) => one.transactionInfo.transactionEventCode));
  assert.ok(codes.has('T0006') && codes.has('T1107'), [...codes].join());
});
