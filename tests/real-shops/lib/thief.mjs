// Somebody who knows a customer's password and nothing else: no browser, cookies of their own, any path as it is typed.
import { readFile } from 'node:fs/promises';
import https from 'node:https';

let next = 70;

/** Each has an address of its own, for all of 127/8 is this machine: the door is tried, not the limits before it. */
export class Thief {
  constructor(shop, ca) {
    this.shop = new URL(shop);
    this.ca = ca;
    this.cookies = new Map();
    next += 1;
    this.address = `127.0.${Math.floor(next / 250)}.${(next % 250) + 1}`;
  }

  get(path, headers = {}) {
    return this.send('GET', path, '', headers);
  }

  post(path, fields, headers = {}) {
    const body = typeof fields === 'string' ? fields : new URLSearchParams(fields).toString();
    return this.send('POST', path, body, { 'content-type': 'application/x-www-form-urlencoded', ...headers });
  }

  async send(method, path, body, headers) {
    const ca = await readFile(this.ca);
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const all = {
      host: this.shop.host,
      accept: 'text/html',
      'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
      ...(cookie && { cookie }),
      ...(method !== 'GET' && { origin: this.shop.origin, 'sec-fetch-site': 'same-origin', 'content-length': Buffer.byteLength(body) }),
      ...headers,
    };
    const options = { host: '127.0.0.1', servername: 'localhost', port: this.shop.port, method, path, headers: all };
    return new Promise((resolve, reject) => {
      const request = https.request({ ...options, ca, localAddress: this.address, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part) => (text += part));
        response.on('end', () => {
          for (const line of response.headers['set-cookie'] ?? []) this.keep(line);
          resolve({ status: response.statusCode, location: response.headers.location ?? '', headers: response.headers, body: text });
        });
      });
      request.setTimeout(20_000, () => request.destroy(new Error(`no answer to ${method} ${path}`)));
      request.on('error', reject);
      request.end(body);
    });
  }

  keep(line) {
    const [pair] = line.split(';');
    const at = pair.indexOf('=');
    const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
    if (value === '' || /max-age=0|1970/i.test(line)) this.cookies.delete(name);
    else this.cookies.set(name, value);
  }
}
