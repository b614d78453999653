// The examples of docs/gate.md, as they stand there.
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { root } from './paths.mjs';

export async function example(language) {
  const text = await readFile(path.join(root, 'docs/gate.md'), 'utf8');
  const found = text.match(new RegExp(`<!-- example: ${language} -->\\n\`\`\`\\w+\\n([\\s\\S]*?)\`\`\`\\n`));
  if (!found) throw new Error(`docs/gate.md has no example in ${language}`);
  return found[1];
}

/** What is wrong with each: an assertion, and what it is checked against. `good` is the one that holds. */
export function misuses({ token, jwks, issuer, audience, method, url }) {
  const [header, claims, signature] = token.split('.');
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const decoded = JSON.parse(Buffer.from(header, 'base64url'));
  const good = { token, jwks, issuer, audience, method, url };
  return {
    good,
    'another gate': { ...good, audience: 'money' },
    'another shop': { ...good, issuer: 'https://evil.example/.storeward/gate' },
    'another method': { ...good, method: 'DELETE' },
    'another address': { ...good, url: `${url}/x` },
    'another kind': { ...good, token: [encode({ ...decoded, typ: 'JWT' }), claims, signature].join('.') },
    'no signature': { ...good, token: [encode({ ...decoded, alg: 'none' }), claims, ''].join('.') },
    'another signature': { ...good, token: [header, claims, Buffer.alloc(64, 7).toString('base64url')].join('.') },
    'an unknown key': { ...good, jwks: { keys: [] } },
    'no token': { ...good, token: '' },
  };
}
