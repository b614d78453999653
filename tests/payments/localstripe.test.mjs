// Two stand-ins for Stripe that know nothing of each other, ours and localstripe (PyPI), driven by Stripe's own client for Node: where
// both know a thing they say the same, and where localstripe is known to be wrong, that is said here and noticed when it changes.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import Stripe from 'stripe';

import { root } from '../browser/lib/paths.mjs';
import { freePort, output, Program } from '../browser/lib/processes.mjs';
import { emulators, mailbox } from './lib/emulators.mjs';

const SOURCE = path.join(path.dirname(fileURLToPath(import.meta.url)), 'python');
const VENV = path.join(root, 'target/payments/localstripe');
const SECRET = 'whsec_one_of_this_test';

let ours;
let theirs;
let peers;

before(async () => {
  ours = await emulators();
  const python = path.join(VENV, 'bin/python');
  if (!existsSync(python)) await output('python3', ['-m', 'venv', VENV], { log: ours.log });
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', path.join(SOURCE, 'localstripe.txt')];
  await output(python, pip, { log: ours.log });
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  theirs = new Program(python, [path.join(SOURCE, 'localstripe_loopback.py'), String(port)], { log: path.join(ours.dir, 'localstripe.log') });
  await theirs.until('first answer', () => fetch(`${address}/v1/customers`).catch(() => null));
  peers = {
    // What ours asks for and localstripe does not know: no way to pay that leads elsewhere.
    ours: { stripe: client(ours.stripe.address, ours.stripe.secret_key), more: { automatic_payment_methods: { enabled: true, allow_redirects: 'never' } } },
    localstripe: { stripe: client(address, 'sk_test_12345'), more: {}, address },
  };
});

after(async () => {
  await theirs?.kill();
  await ours?.stop();
});

function client(address, key) {
  const url = new URL(address);
  return new Stripe(key, { host: url.hostname, port: url.port, protocol: 'http', maxNetworkRetries: 0, telemetry: false });
}

const pay = (peer, more = {}) =>
  peer.stripe.paymentIntents.create({ amount: 1999, currency: 'eur', confirm: true, payment_method: 'pm_card_visa', metadata: { order: 'A1' }, ...peer.more, ...more });
const error = (promise) => promise.then(() => 'done', (why) => why.type);

/** The same way of a payment at each; what came of it, in words that both have. */
const ways = {
  'taken at once': async (peer) => {
    const intent = await pay(peer, { capture_method: 'automatic' });
    const again = await peer.stripe.paymentIntents.retrieve(intent.id);
    return [intent.status, again.status, again.amount, again.currency, again.metadata.order, intent.livemode];
  },
  'set aside, taken, and not once more': async (peer) => {
    const held = await pay(peer, { capture_method: 'manual' });
    const taken = await peer.stripe.paymentIntents.capture(held.id);
    return [held.status, taken.status, await error(peer.stripe.paymentIntents.capture(held.id))];
  },
  'set free': async (peer) => {
    const held = await pay(peer, { capture_method: 'manual' });
    return [held.status, (await peer.stripe.paymentIntents.cancel(held.id)).status];
  },
  'given back in parts': async (peer) => {
    const intent = await pay(peer, { capture_method: 'automatic' });
    const refunds = [];
    for (const amount of [500, 499]) refunds.push(await peer.stripe.refunds.create({ payment_intent: intent.id, amount }));
    const after = await peer.stripe.paymentIntents.retrieve(intent.id);
    return [refunds.map((one) => [one.status, one.amount, one.currency]), after.status, after.amount];
  },
  'begun, and confirmed later': async (peer) => {
    const made = await pay(peer, { confirm: false, capture_method: 'automatic' });
    const paid = await peer.stripe.paymentIntents.confirm(made.id);
    return [made.status, paid.status];
  },
  'what is not there': async (peer) => [await error(peer.stripe.paymentIntents.retrieve('pi_none')), await error(peer.stripe.refunds.retrieve('re_none'))],
  'an amount that is none': async (peer) => [await error(pay(peer, { amount: 0 })), await error(pay(peer, { amount: -5 }))],
};

for (const [name, way] of Object.entries(ways)) {
  test(`both agree: ${name}`, async () => {
    const [one, other] = [await way(peers.ours), await way(peers.localstripe)];
    assert.deepEqual(one, other);
  });
}

test('both tell what happened, in lists and by messages that the official client believes', async () => {
  for (const [name, peer] of Object.entries(peers)) {
    const box = await mailbox();
    let secret = SECRET;
    if (name === 'ours') {
      secret = (await peer.stripe.webhookEndpoints.create({ url: box.url, enabled_events: ['payment_intent.succeeded'] })).secret;
    } else {
      const body = new URLSearchParams({ url: box.url, secret });
      assert.ok((await fetch(`${peer.address}/_config/webhooks/one`, { method: 'POST', body })).ok);
    }
    const intent = await pay(peer, { capture_method: 'automatic' });
    await box.until((mails) => mails.some((mail) => mail.body.includes(intent.id) && mail.body.includes('"payment_intent.succeeded"')));
    for (const { body, headers } of box.mails) {
      const event = peer.stripe.webhooks.constructEvent(body, headers['stripe-signature'], secret);
      assert.match(event.type, /^(payment_intent|charge)\./, name);
    }
    const listed = await peer.stripe.events.list({ limit: 20 });
    assert.ok(listed.data.some((event) => event.type === 'payment_intent.succeeded' && event.data.object.id === intent.id), name);
    const moved = await peer.stripe.balanceTransactions.list({ limit: 5 });
    assert.ok(moved.data.some((one) => one.amount === 1999 && one.currency === 'eur'), name);
    box.close();
  }
});

test('where localstripe is known to be wrong, ours is as Stripe documents it', async () => {
  const twice = async (peer) => {
    const options = { idempotencyKey: `key-${Math.random()}` };
    const make = () => peer.stripe.paymentIntents.create({ amount: 700, currency: 'eur', ...peer.more }, options);
    return (await make()).id === (await make()).id;
  };
  const tooMuch = async (peer) => {
    const intent = await pay(peer, { capture_method: 'automatic' });
    return error(peer.stripe.refunds.create({ payment_intent: intent.id, amount: 5000 }));
  };
  const afterAll = async (peer) => {
    const held = await pay(peer, { capture_method: 'manual' });
    await peer.stripe.paymentIntents.cancel(held.id);
    return error(peer.stripe.paymentIntents.capture(held.id));
  };
  assert.deepEqual([await twice(peers.ours), await twice(peers.localstripe)], [true, false]);
  assert.deepEqual([await tooMuch(peers.ours), await tooMuch(peers.localstripe)], ['StripeInvalidRequestError', 'done']);
  // Taken though it was set free.
  assert.deepEqual([await afterAll(peers.ours), await afterAll(peers.localstripe)], ['StripeInvalidRequestError', 'done']);
});
