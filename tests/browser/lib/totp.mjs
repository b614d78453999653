// One-time codes (RFC 6238: HMAC-SHA-1, 30 seconds, six digits), as an authenticator app makes them.
import { createHmac } from 'node:crypto';

import { sleep } from './processes.mjs';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

export function base32(text) {
  let bits = '';
  for (const letter of text.replaceAll(/[\s=]/g, '').toUpperCase()) {
    const value = ALPHABET.indexOf(letter);
    if (value < 0) throw new Error(`${letter} is no base32`);
    bits += value.toString(2).padStart(5, '0');
  }
  return Buffer.from(bits.match(/.{8}/g)?.map((byte) => parseInt(byte, 2)) ?? []);
}

export function code(secret, step) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const tag = createHmac('sha1', base32(secret)).update(counter).digest();
  const number = tag.readUInt32BE(tag[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

/** An authenticator app whose owner never types a code twice: each code works once. */
export class Authenticator {
  #last = 0;

  constructor(secret) {
    this.secret = secret;
  }

  /** The next code that is accepted; one step ahead of the clock is. */
  async next() {
    const now = () => Math.floor(Date.now() / 30_000);
    const step = Math.max(now(), this.#last + 1);
    while (step > now() + 1) await sleep(500);
    this.#last = step;
    return code(this.secret, step);
  }
}
