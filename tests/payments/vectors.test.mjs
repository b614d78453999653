// The vectors mean what they say: judged here by Node's own cryptography, apart from whoever is tried with them.
import assert from 'node:assert/strict';
import { X509Certificate, createVerify } from 'node:crypto';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';

import { paypalVectors } from './vectors/paypal.mjs';
import { stripeVectors } from './vectors/stripe.mjs';

test('Stripe: the official client and Storeward differ where it is said, and nowhere else', () => {
  const { vectors } = stripeVectors();
  assert.equal(vectors.length, 18);
  const differ = vectors.filter((one) => one.official !== one.ours);
  assert.deepEqual(differ.map((one) => one.name), ['ten minutes ahead of us']);
  assert.ok(differ.every((one) => one.why));
});

test('PayPal: each vector is refused for the reason in its name', async () => {
  const { authority, now, vectors } = await paypalVectors();
  const trusted = new X509Certificate(authority);
  assert.ok(vectors.length >= 13);
  for (const vector of vectors) {
    const [leaf] = vector.chain.split(/(?=-----BEGIN)/).map((pem) => new X509Certificate(pem));
    const url = new URL(vector.url);
    const body = Buffer.from(vector.body, 'base64');
    const text = `${vector.transmission}|${vector.time}|${vector.webhook}|${crc32(body)}`;
    const faults = [];
    if (url.protocol !== 'https:' || url.host !== 'api.paypal.com') faults.push('from another host', 'over http');
    if (!leaf.verify(trusted.publicKey)) faults.push('vouches for itself');
    if (!/^CN=messageverificationcerts[.\w]*\.paypal\.com$/.test(leaf.subject)) faults.push('of another name');
    if (new Date(leaf.validTo) < new Date(now)) faults.push('that is over');
    if (vector.algo !== 'SHA256withRSA') faults.push('SHA-1');
    if (!createVerify('RSA-SHA256').update(text).verify(leaf.publicKey, vector.signature, 'base64')) {
      faults.push('changed', 'for the event id', 'exchanged', 'SHA-256', 'anew');
    }
    assert.equal(faults.length === 0, vector.ours, `${vector.name}: ${faults}`);
    if (!vector.ours) assert.ok(faults.some((fault) => vector.name.includes(fault)), `${vector.name}: ${faults}`);
  }
  const forged = vectors.find((one) => one.truth);
  const [told, truth] = [JSON.parse(Buffer.from(forged.body, 'base64')), JSON.parse(forged.truth)];
  assert.equal(truth.resource.amount.value, '19.99');
  assert.equal(told.resource.amount.value, '00.01');
});
