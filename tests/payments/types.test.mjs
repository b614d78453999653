// The stand-in's answers have the types of Stripe's official client, which are the newest published description of the pinned
// version: each answer is written into a program as a literal and given to the TypeScript compiler, which finds every field that is
// missing, of another type, or invented.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { emulators } from './lib/emulators.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const OWN = path.join(HERE, 'node_modules/.answers');
const NO_REDIRECT = 'automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never';
const PAY = `amount=1999&currency=eur&confirm=true&payment_method=pm_card_visa&metadata[order]=A1&${NO_REDIRECT}`;
const SESSION = 'mode=payment&success_url=http://shop.test/ok&line_items[0][quantity]=2&line_items[0][price_data][currency]=eur'
  + '&line_items[0][price_data][unit_amount]=1250&line_items[0][price_data][product_data][name]=Cup';

let at;

before(async () => {
  at = await emulators();
});

after(() => at?.stop());

async function call(method, where, form) {
  const headers = { authorization: `Bearer ${at.stripe.secret_key}`, 'stripe-version': at.stripe.version };
  const answer = await fetch(at.stripe.address + where, { method, headers, body: form && new URLSearchParams(form) });
  return answer.json();
}

/** One answer of each kind, and of each state that has fields of its own: pairs of a type and an answer. */
async function answers() {
  const found = [];
  const keep = (type, value) => {
    assert.equal(value.error, undefined, JSON.stringify(value));
    found.push([type, value]);
    return value;
  };
  const post = async (type, where, form) => keep(type, await call('POST', where, form));
  const get = async (type, where) => keep(type, await call('GET', where));

  await call('POST', '/v1/webhook_endpoints', 'url=http://127.0.0.1:9/none&enabled_events[]=*');
  await post('WebhookEndpoint', '/v1/webhook_endpoints', 'url=http://127.0.0.1:9/other&enabled_events[]=charge.failed');
  const paid = await post('PaymentIntent', '/v1/payment_intents', `${PAY}&capture_method=automatic`);
  await post('PaymentIntent', '/v1/payment_intents', `amount=500&currency=usd`);
  await post('PaymentIntent', '/v1/payment_intents', `${PAY.replace('pm_card_visa', 'pm_card_authenticationRequired')}&return_url=http://shop.test/b`);
  const held = await post('PaymentIntent', '/v1/payment_intents', `${PAY}&capture_method=manual`);
  await post('PaymentIntent', `/v1/payment_intents/${held.id}/capture`, 'amount_to_capture=1000');
  const declined = await call('POST', '/v1/payment_intents', PAY.replace('pm_card_visa', 'pm_card_chargeDeclined'));
  keep('PaymentIntent', declined.error.payment_intent);
  await get('Charge', `/v1/charges/${declined.error.charge}`);
  await get('Charge', `/v1/charges/${paid.latest_charge}`);
  await get('Charge', `/v1/charges/${held.latest_charge}`);
  await post('Refund', '/v1/refunds', `payment_intent=${held.id}&amount=100&reason=duplicate`);
  const dispute = await at.control('POST', '/disputes', { provider: 'stripe', payment: paid.latest_charge, reason: 'fraudulent' });
  await get('Dispute', `/v1/disputes/${dispute.id}`);
  const customer = await post('Customer', '/v1/customers', 'email=a@people.example&address[line1]=x&metadata[a]=b');
  await post('PaymentIntent', '/v1/payment_intents', 'amount=500&currency=usd&shipping[name]=Ida&shipping[address][line1]=x');
  const setup = await post('SetupIntent', '/v1/setup_intents', `customer=${customer.id}&payment_method=pm_card_de&confirm=true&${NO_REDIRECT}`);
  await get('PaymentMethod', `/v1/payment_methods/${setup.payment_method}`);
  const open = await post('Checkout.Session', '/v1/checkout/sessions', SESSION);
  await at.control('POST', '/stripe/pay', { session: open.id, number: '4242424242424242' });
  await get('Checkout.Session', `/v1/checkout/sessions/${open.id}?expand[]=payment_intent.latest_charge&expand[]=line_items`);
  await get('ApiList<Stripe.LineItem>', `/v1/checkout/sessions/${open.id}/line_items`);
  await get('ApiList<Stripe.BalanceTransaction>', '/v1/balance_transactions?limit=20');
  await get('Balance', '/v1/balance');
  const { data } = await call('GET', '/v1/events?limit=100');
  for (const event of data) keep('Event', event);
  return found;
}

/** The client reads these texts as numbers of its own; on the wire they are texts. */
function onTheWire(name, value) {
  return name.endsWith('_decimal') ? null : value;
}

test('no field is missing, of another type, or invented', async () => {
  const found = await answers();
  assert.ok(found.length > 40, `${found.length}`);
  const lines = found.map(([type, value], index) => `export const a${index}: Stripe.${type} = ${JSON.stringify(value, onTheWire)};`);
  await mkdir(OWN, { recursive: true });
  try {
    const file = path.join(OWN, 'answers.mts');
    await writeFile(file, `import type Stripe from 'stripe';\n${lines.join('\n')}\n`);
    const words = [path.join(HERE, 'node_modules/typescript/bin/tsc'), '--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext',
      '--moduleResolution', 'nodenext', '--types', 'node', file];
    await promisify(execFile)(process.execPath, words, { cwd: HERE, maxBuffer: 1 << 26 }).catch((error) => {
      const told = error.stdout.split('\n').filter((line) => line.includes('error TS') || line.startsWith('  '));
      const named = told.map((line) => line.replace(/^.*answers\.mts\((\d+),.*?\): /, (_, row) => `${found[row - 2]?.[0]}: `));
      assert.fail([...new Set(named)].join('\n').slice(0, 6000));
    });
  } finally {
    await rm(OWN, { recursive: true, force: true });
  }
});
