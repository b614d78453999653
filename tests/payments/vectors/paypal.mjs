// Vectors of PayPal's webhook signature: RSA over `transmission id | time | webhook id | CRC32 of the body`, with an authority of
// our own in the place of a public one. One of them is a forgery whose body was bent until its CRC32 is that of the true one:
// its signature holds, which is why Storeward asks PayPal again before it believes anything.
import { execFileSync } from 'node:child_process';
import { createSign, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { crc32 } from 'node:zlib';

const WEBHOOK = '8PT597110X687430LKGECATA';
const TRANSMISSION = 'b2384410-f8d2-11ef-8b8d-3b7c4f1d2a90';
const TIME = '2026-10-01T12:00:00Z';
const HOST = 'https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270';
const NAME = 'messageverificationcerts.paypal.com';

export async function paypalVectors() {
  const folder = await mkdtemp(path.join(tmpdir(), 'storeward-vectors-'));
  try {
    return await made(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function made(folder) {
  const openssl = (...words) => execFileSync('openssl', words, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const authority = await root(openssl, folder, 'ca');
  const leaf = await signed(openssl, folder, { name: NAME, file: 'leaf', from: '20260101000000Z', to: '20290101000000Z' });
  const stranger = await signed(openssl, folder, { name: 'shop.example', file: 'stranger', from: '20260101000000Z', to: '20290101000000Z' });
  const old = await signed(openssl, folder, { name: NAME, file: 'old', from: '20240101000000Z', to: '20250101000000Z' });
  const own = await root(openssl, folder, 'own', NAME);

  const body = JSON.stringify({
    id: 'WH-58D329510W468432D-8HN650336L201105X', event_version: '1.0', resource_type: 'capture',
    event_type: 'PAYMENT.CAPTURE.COMPLETED', resource_version: '2.0',
    resource: { id: '42311647XV020574X', status: 'COMPLETED', custom_id: 'A1', amount: { currency_code: 'EUR', value: '19.99' } },
  });
  const text = (given, { webhook = WEBHOOK, time = TIME } = {}) => `${TRANSMISSION}|${time}|${webhook}|${crc32(Buffer.from(given))}`;
  const sign = (key, words, digest = 'RSA-SHA256') => createSign(digest).update(words).sign(key, 'base64');
  const good = sign(leaf.key, text(body));
  const forged = collision(body, body.replace('19.99', '00.01').replace('"custom_id":"A1"', '"custom_id":"A1","note":"@"'));

  const vector = (name, ours, more = {}) => ({
    name, ours, url: HOST, algo: 'SHA256withRSA', time: TIME, transmission: TRANSMISSION, webhook: WEBHOOK,
    body: Buffer.from(more.text ?? body).toString('base64'), signature: more.signature ?? good, chain: more.chain ?? leaf.chain,
    ...more.change,
  });
  const vectors = [
    vector('valid', true),
    vector('amount changed', false, { text: body.replace('19.99', '99.99') }),
    vector('signed for the event id', false, { signature: sign(leaf.key, text(body, { webhook: JSON.parse(body).id })) }),
    vector('time exchanged', false, { change: { time: '2026-10-01T12:00:01Z' } }),
    vector('certificate from another host that ends otherwise', false, { change: { url: HOST.replace('api.paypal.com', 'api.paypal.com.evil.example') } }),
    vector('certificate from another host behind an @', false, { change: { url: HOST.replace('api.paypal.com', 'api.paypal.com@evil.example') } }),
    vector('certificate over http', false, { change: { url: HOST.replace('https:', 'http:') } }),
    vector('certificate of another name', false, { chain: stranger.chain, signature: sign(stranger.key, text(body)) }),
    vector('certificate that is over', false, { chain: old.chain, signature: sign(old.key, text(body)) }),
    vector('certificate that vouches for itself', false, { chain: own.chain, signature: sign(own.key, text(body)) }),
    vector('SHA-1', false, { signature: sign(leaf.key, text(body), 'RSA-SHA1'), change: { algo: 'SHA1withRSA' } }),
    vector('SHA-1 that says SHA-256', false, { signature: sign(leaf.key, text(body), 'RSA-SHA1') }),
    vector('written anew', false, { text: JSON.stringify(JSON.parse(body), null, 2) }),
    {
      ...vector('forged: another amount, the same CRC32', true, { text: forged }),
      why: 'the signature holds, because it covers the CRC32 alone: only asking PayPal for the capture finds the forgery',
      truth: body,
    },
  ];
  return { authority: authority.chain, now: '2026-10-01T12:01:00Z', vectors };
}

/** A body with the CRC32 of `target`, made of `draft`, in which an @ stands where four letters may go and a counter before them. */
export function collision(target, draft) {
  const goal = crc32(Buffer.from(target));
  const [before, after] = draft.split('@');
  for (let turn = 0; turn < 1_000_000; turn += 1) {
    const head = Buffer.from(`${before}${randomBytes(4).toString('hex')}`);
    const letters = bent(head, Buffer.from(after), goal);
    // Letters that may stand in a JSON text as they are.
    if (letters.every((byte) => byte > 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c)) {
      const found = Buffer.concat([head, letters, Buffer.from(after)]).toString();
      if (crc32(Buffer.from(found)) !== goal) throw new Error('the check sum does not fit');
      JSON.parse(found);
      return found;
    }
  }
  throw new Error('no collision');
}

const TABLE = Uint32Array.from({ length: 256 }, (_, start) => {
  let bits = start;
  for (let turn = 0; turn < 8; turn += 1) bits = bits & 1 ? (bits >>> 1) ^ 0xedb88320 : bits >>> 1;
  return bits >>> 0;
});

/** The four bytes between `head` and `tail` with which the whole has the check sum `goal`. */
function bent(head, tail, goal) {
  const back = new Map([...TABLE].map((value, index) => [value >>> 24, index]));
  const undo = (state, byte) => {
    const index = back.get(state >>> 24);
    return (((state ^ TABLE[index]) << 8) | (index ^ byte)) >>> 0;
  };
  let state = (goal ^ 0xffffffff) >>> 0;
  for (const byte of [...tail].reverse()) state = undo(state, byte);
  // Four steps back without knowing the bytes: what comes out, xor what goes in, are the bytes.
  for (let turn = 0; turn < 4; turn += 1) state = undo(state, 0);
  const start = (crc32(head) ^ 0xffffffff) >>> 0;
  const word = (state ^ start) >>> 0;
  return Buffer.from([word & 255, (word >>> 8) & 255, (word >>> 16) & 255, word >>> 24]);
}

async function root(openssl, folder, file, name = 'Authority for vectors') {
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${file}.key`, '-out', `${file}.pem`, '-subj', `/CN=${name}`,
    '-days', '3650', '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature');
  return { key: await readFile(path.join(folder, `${file}.key`)), chain: await readFile(path.join(folder, `${file}.pem`), 'utf8') };
}

/** A leaf below `ca`, with its authority behind it. */
async function signed(openssl, folder, { name, file, from, to }) {
  openssl('req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${file}.key`, '-out', `${file}.csr`, '-subj', `/CN=${name}`);
  const lines = ['[ca]', 'default_ca=one', '[one]', 'dir=.', 'database=index.txt', 'serial=serial', 'new_certs_dir=.', 'default_md=sha256',
    'policy=any', 'x509_extensions=leaf', 'certificate=ca.pem', 'private_key=ca.key', 'unique_subject=no', '[any]', 'commonName=supplied',
    '[leaf]', 'basicConstraints=critical,CA:FALSE', 'keyUsage=critical,digitalSignature', `subjectAltName=DNS:${name}`];
  await writeFile(path.join(folder, 'ca.cnf'), `${lines.join('\n')}\n`);
  await writeFile(path.join(folder, 'index.txt'), '');
  await writeFile(path.join(folder, 'serial'), `${randomBytes(8).toString('hex')}\n`);
  openssl('ca', '-batch', '-config', 'ca.cnf', '-in', `${file}.csr`, '-out', `${file}.pem`, '-startdate', from, '-enddate', to, '-notext');
  const [leaf, above] = await Promise.all([`${file}.pem`, 'ca.pem'].map((one) => readFile(path.join(folder, one), 'utf8')));
  return { key: await readFile(path.join(folder, `${file}.key`)), chain: leaf + above };
}
