// The stand-ins as a program, their control interface, and a merchant's end point for webhooks.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { target } from '../../browser/lib/paths.mjs';
import { Program, sleep } from '../../browser/lib/processes.mjs';

const BINARY = process.env.STOREWARD_EMULATORS ?? path.join(target, 'debug/emulators');

/** Both stand-ins at work: `stripe`, `paypal` (addresses and keys), `control(method, path, body)`, `effects()`, `log`, `stop()`. */
export async function emulators(words = []) {
  const dir = await mkdtemp(path.join(tmpdir(), 'storeward-emulators-'));
  const log = path.join(dir, 'emulators.log');
  const program = new Program(BINARY, words, { log });
  const line = await program.until('addresses', () => /^\{.*\}$/m.exec(program.output)?.[0]);
  const { control: address, providers } = JSON.parse(line);
  const control = async (method, where, body) => {
    const answer = await fetch(address + where, { method, body: body && JSON.stringify(body) });
    const json = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${where}: ${json.error}`);
    return json;
  };
  const effects = async (kind) => (await control('GET', '/effects')).effects.filter((one) => !kind || one.kind === kind);
  const stop = async () => {
    // Where the providers' published documents are (STOREWARD_PROVIDER_CONTRACTS), calls and answers were held against them.
    const { violations } = await control('GET', '/violations');
    await program.stop();
    const told = violations.filter((one) => one.side === 'answer' || one.status < 300);
    assert.deepEqual([...new Set(told.map((one) => `${one.side} ${one.place} ${one.status} ${one.fault}`))], []);
    await rm(dir, { recursive: true, force: true });
  };
  return { ...providers, address, control, effects, log, dir, stop };
}

/** An end point that keeps what it is sent, with its raw body. */
export async function mailbox() {
  const mails = [];
  const server = http.createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      mails.push({ headers: request.headers, body: Buffer.concat(parts) });
      response.end();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const until = async (holds) => {
    const end = Date.now() + 30_000;
    while (!holds(mails)) {
      if (Date.now() > end) throw new Error('the webhook never came');
      await sleep(20);
    }
    return mails;
  };
  return { url: `http://127.0.0.1:${server.address().port}/hook`, mails, until, close: () => server.close() };
}
