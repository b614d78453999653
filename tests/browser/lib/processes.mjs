// Starting programs, waiting for what they say, and ending them by their id.
import { spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import net from 'node:net';

const running = new Set();
// A test that dies must not leave its programs behind.
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** A program with its output in a file; `marks` finds whatever it leaves behind. */
export class Program {
  constructor(file, args, { log, cwd, env = {} }) {
    this.name = file.split('/').pop();
    this.mark = `mark-${randomBytes(8).toString('hex')}`;
    this.output = '';
    const into = createWriteStream(log);
    this.child = spawn(file, args, {
      cwd,
      env: { ...process.env, ...env, STOREWARD_TEST_PROGRAM: this.mark },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(this.child);
    const keep = (bytes) => {
      this.output = (this.output + bytes).slice(-200_000);
      into.write(bytes);
    };
    this.child.stdout.on('data', keep);
    this.child.stderr.on('data', keep);
    this.ended = new Promise((resolve) => {
      this.child.on('error', (error) => resolve({ code: null, signal: null, error }));
      this.child.on('close', (code, signal) => resolve({ code, signal }));
    }).then((how) => {
      running.delete(this.child);
      this.how = how;
      return how;
    });
  }

  /** Polls `look` until it gives something; fails when the program ends first or the time is up. */
  async until(what, look, seconds = 60) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
      const found = await look();
      if (found) return found;
      if (this.how) throw new Error(`${this.name} ended (${describe(this.how)}) before ${what}:\n${this.output}`);
      if (Date.now() > end) throw new Error(`${this.name}: no ${what} within ${seconds} s:\n${this.output}`);
      await sleep(50);
    }
  }

  /** Ends it as Ctrl-C does. Throws unless it ends by itself, in time, with status 0, and leaves nobody behind. */
  async stop(seconds = 25) {
    this.child.kill('SIGINT');
    const how = await within(seconds, this.ended);
    if (!how) {
      this.child.kill('SIGKILL');
      throw new Error(`${this.name} did not end within ${seconds} s of SIGINT:\n${this.output}`);
    }
    if (how.code !== 0) throw new Error(`${this.name} ended with ${describe(how)}:\n${this.output}`);
    const left = await this.left();
    if (left.length > 0) throw new Error(`${this.name} left processes behind: ${left.join(', ')}`);
  }

  /** Ends it without a question. */
  async kill() {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  /** Ids of the processes that carry this program's mark. */
  async left() {
    const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
    const found = [];
    for (const id of ids) {
      const environment = await readFile(`/proc/${id}/environ`, 'latin1').catch(() => '');
      if (environment.includes(`STOREWARD_TEST_PROGRAM=${this.mark}`)) found.push(id);
    }
    return found;
  }
}

function describe({ code, signal, error }) {
  if (error) return error.message;
  return signal ? `signal ${signal}` : `status ${code}`;
}

/** Runs a program to its end and gives its output. */
export async function output(file, args, options) {
  const program = new Program(file, args, options);
  const how = await program.ended;
  if (how.code !== 0) throw new Error(`${file} ${args.join(' ')}: ${describe(how)}\n${program.output}`);
  return program.output;
}

/** Keeps node running: a test that only waits would be given up in the middle, and why it waited would be said nowhere. */
export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What the first of some promises gives, or nothing when the time is up before. */
export async function within(seconds, ...promises) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, seconds * 1000);
  });
  return Promise.race([...promises, late]).finally(() => clearTimeout(timer));
}

// Connections take theirs above this one, and one of them could have taken it before a server does.
const LOWEST_OF_CONNECTIONS = 32_768;

/** A port of the loopback that nobody listens on at the moment, and no connection takes. */
export async function freePort() {
  for (let tries = 0; tries < 50; tries += 1) {
    const port = randomInt(12_000, LOWEST_OF_CONNECTIONS);
    if (await isFree(port)) return port;
  }
  throw new Error('no port of the loopback is free');
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
