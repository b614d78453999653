// Storeward as an OpenID Connect provider, a customer with an account, and a program of a shop's that signs customers in.
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { readFile } from 'node:fs/promises';

import { storewardBinary } from './paths.mjs';
import { Postbox } from './postbox.mjs';
import { freePort, output, sleep } from './processes.mjs';
import { runInFrontOf } from './stand.mjs';

export const PASSWORD = 'lamp post umbrella tea';

/** The program: it takes customers back, and the news that a session is over. */
class Relying {
  static async open() {
    const relying = new Relying();
    relying.port = await freePort();
    relying.came = [];
    relying.news = [];
    relying.server = http.createServer((request, response) => relying.answer(request, response));
    await new Promise((resolve) => relying.server.listen(relying.port, '127.0.0.1', resolve));
    relying.home = `http://127.0.0.1:${relying.port}`;
    relying.callback = `${relying.home}/callback`;
    return relying;
  }

  answer(request, response) {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (text) => (body += text));
    request.on('end', () => {
      const url = new URL(request.url, this.home);
      if (url.pathname === '/logout-news') this.news.push(new URLSearchParams(body).get('logout_token'));
      else if (url.pathname !== '/favicon.ico') this.came.push({ method: request.method, url, body });
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<!doctype html><html lang="en"><title>Shop</title><h1>Back at the shop</h1></html>');
    });
  }

  /** The newest of what came, once there is something at this path. */
  async arrival(pathname) {
    for (let tries = 0; tries < 400; tries += 1) {
      const found = this.came.filter((one) => one.url.pathname === pathname).at(-1);
      if (found) {
        this.came = [];
        return found;
      }
      await sleep(50);
    }
    throw new Error(`nobody came to ${pathname}`);
  }

  async toldOf(count) {
    for (let tries = 0; tries < 600; tries += 1) {
      if (this.news.length >= count) return this.news[count - 1];
      await sleep(50);
    }
    throw new Error(`no news number ${count}`);
  }

  close() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}

/** Everything at work. `client(words)` adds a client by the command line and gives its id and secret. */
export async function provider() {
  const postbox = await Postbox.open();
  const relying = await Relying.open();
  const more = `${postbox.config()}[identity]\ncustomers = "offered"\n[oidc]\ninternal = ["${relying.home}"]\n`;
  const stand = await runInFrontOf(relying.home, more);
  const issuer = new URL('.storeward/oidc', stand.ready.shop).href;
  const ca = await readFile(stand.ready.ca);
  const said = (words) =>
    output(storewardBinary, ['oidc', ...words, '--dir', path.join(stand.dir, 'data')], {
      cwd: stand.dir,
      log: path.join(stand.dir, 'oidc.log'),
    });
  const client = async (words) => {
    const text = await said(['client', 'add', '--name', 'Larkmoor', '--redirect-uri', relying.callback, '--logout-uri', `${relying.home}/bye`, ...words]);
    return {
      id: /^client_id +(rp_\S+)$/m.exec(text)[1],
      secret: /^client_secret +(sws_\S+)/m.exec(text)?.[1],
      text,
    };
  };
  const stop = async () => {
    await stand.stop();
    await relying.close();
    await postbox.close();
  };
  return { stand, postbox, relying, issuer, ca, said, client, stop, fetch: fetchWith(ca) };
}

/** `fetch` over TLS that trusts this root and no other. */
function fetchWith(ca) {
  return (url, options = {}) =>
    new Promise((resolve, reject) => {
      const headers = Object.fromEntries(new Headers(options.headers).entries());
      const request = https.request(url, { method: options.method ?? 'GET', headers, ca, agent: false }, (answer) => {
        const parts = [];
        answer.on('data', (part) => parts.push(part));
        answer.on('end', () => {
          const lines = Object.entries(answer.headers).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
          const body = [204, 205, 304].includes(answer.statusCode) ? null : Buffer.concat(parts);
          resolve(new Response(body, { status: answer.statusCode, headers: lines }));
        });
      });
      request.setTimeout(15_000, () => request.destroy(new Error('no answer within 15 s')));
      request.on('error', reject);
      if (options.body) request.write(options.body.toString());
      request.end();
    });
}

/** Opens an account, by the mailed code; the page shows the security centre afterwards. */
export async function signUp(page, { stand, postbox }, address) {
  await page.goto(new URL('.storeward/sign-up', stand.ready.shop).href);
  await page.getByLabel('E-mail address').fill(address);
  await page.getByLabel('Name').fill('Ida Example');
  await page.getByLabel('New password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByLabel('Code from the e-mail').fill(await postbox.code(address, 1));
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('heading', { name: 'Security centre' }).waitFor();
}

export async function signIn(page, address) {
  await page.getByLabel('E-mail address').fill(address);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}
