// Vectors of Stripe's webhook signature. Headers come from the official client's own generator; `official` is what its verifier
// says at the vector's moment, `ours` what Storeward shall say. Where the two differ, `why` names it.
import Stripe from 'stripe';

const SECRET = 'whsec_vectors_first_secret_0123456789';
const OTHER = 'whsec_vectors_other_secret_0123456789';
const AT = 1_790_000_000;
const BODY = JSON.stringify({ id: 'evt_1', object: 'event', type: 'charge.succeeded', data: { object: { amount: 1999 } } }, null, 2);

const stripe = new Stripe('sk_test_only_for_signatures');

function header(payload, more = {}) {
  return stripe.webhooks.generateTestHeaderString({ payload, secret: SECRET, timestamp: AT, ...more });
}

/** What the official verifier says when its clock shows `now`. */
function official({ body, header: given, secrets, now }) {
  return secrets.some((secret) => {
    try {
      stripe.webhooks.signature.verifyHeader(Buffer.from(body, 'base64'), given, secret, 300, undefined, now * 1000);
      return true;
    } catch {
      return false;
    }
  });
}

export function stripeVectors() {
  const good = header(BODY);
  const tag = good.split('v1=')[1];
  const umlauts = JSON.stringify({ id: 'evt_2', note: 'Grüße, 東京 – 🧁' });
  const rotated = `${header(BODY, { secret: OTHER })},v1=${tag}`;
  const cases = [
    ['valid', BODY, good, AT, true],
    ['300 seconds old', BODY, good, AT + 300, true],
    ['301 seconds old', BODY, good, AT + 301, false],
    ['ten minutes ahead of us', BODY, good, AT - 600, false, 'the official client takes times in the future; Storeward takes |now - t| <= 300'],
    ['amount changed', BODY.replace('1999', '1'), good, AT, false],
    ['written anew', JSON.stringify(JSON.parse(BODY)), good, AT, false],
    ['a newline more', `${BODY}\n`, good, AT, false],
    ['another secret', BODY, header(BODY, { secret: OTHER }), AT, false],
    ['time exchanged', BODY, good.replace(`t=${AT}`, `t=${AT + 1}`), AT, false],
    ['scheme v0 only', BODY, good.replace('v1=', 'v0='), AT, false],
    ['two signatures while a secret is rolled', BODY, rotated, AT, true],
    ['no time', BODY, `v1=${tag}`, AT, false],
    ['tag in capitals', BODY, good.replace(tag, tag.toUpperCase()), AT, false],
    ['empty header', BODY, '', AT, false],
    ['no header at all, but words', BODY, 'not a signature', AT, false],
    ['tag cut short', BODY, good.slice(0, -2), AT, false],
    ['spaces behind the commas', BODY, good.replace(',', ', '), AT, null],
    ['beyond ASCII', umlauts, header(umlauts), AT, true],
  ];
  const vectors = cases.map(([name, text, given, now, ours, why]) => {
    const body = Buffer.from(text).toString('base64');
    const vector = { name, body, header: given, secrets: [SECRET], now };
    const said = official(vector);
    // Without a word of ours the official client decides.
    const expected = ours ?? said;
    if (expected !== said && !why) throw new Error(`${name}: the official client says ${said}`);
    return { ...vector, official: said, ours: expected, ...(why ? { why } : {}) };
  });
  return { secret: SECRET, tolerance_s: 300, vectors };
}
