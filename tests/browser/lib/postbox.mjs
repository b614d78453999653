// A mail server that keeps what it is given: just enough of SMTP for Storeward's own client, on a free port of the loopback.
import net from 'node:net';

import { sleep } from './processes.mjs';

export class Postbox {
  static async open() {
    const box = new Postbox();
    await new Promise((resolve, reject) => {
      box.server.on('error', reject);
      box.server.listen(0, '127.0.0.1', resolve);
    });
    box.port = box.server.address().port;
    return box;
  }

  constructor() {
    this.mails = [];
    this.sockets = new Set();
    this.server = net.createServer((socket) => this.talk(socket));
  }

  /** The section `[mail]` that sends here. */
  config() {
    return `[mail]\nserver = "127.0.0.1"\nport = ${this.port}\nsecurity = "none"\nfrom = "service@shop.example"\n`;
  }

  talk(socket) {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    let waiting = '';
    let mail = null;
    let inData = false;
    const say = (line) => socket.write(`${line}\r\n`);
    const line = (text) => {
      const word = text.slice(0, 4).toUpperCase();
      if (word === 'MAIL') mail = { to: [], text: '' };
      if (word === 'RCPT') mail.to.push(/<([^>]*)>/.exec(text)[1]);
      if (word === 'DATA') {
        inData = true;
        return say('354 go on');
      }
      say(word === 'QUIT' ? '221 bye' : '250 fine');
      if (word === 'QUIT') socket.end();
    };
    say('220 postbox');
    socket.on('data', (bytes) => {
      waiting += bytes.toString('latin1');
      for (;;) {
        const end = waiting.indexOf(inData ? '\r\n.\r\n' : '\r\n');
        if (end < 0) return;
        const text = waiting.slice(0, end);
        waiting = waiting.slice(end + (inData ? 5 : 2));
        if (!inData) {
          line(text);
          continue;
        }
        inData = false;
        this.mails.push({ ...mail, text: plain(text) });
        say('250 kept');
      }
    });
  }

  /** The code of the newest mail to this address, once there are `count` of them. */
  async code(address, count) {
    const own = await this.to(address, count);
    return /^\s*(\d{8})\s*$/m.exec(own.at(-1).text)[1];
  }

  async to(address, count) {
    for (let tries = 0; tries < 400; tries += 1) {
      const own = this.mails.filter((mail) => mail.to.includes(address));
      if (own.length >= count) return own;
      await sleep(50);
    }
    throw new Error(`no mail number ${count} to ${address}; there are ${this.mails.length} in all`);
  }

  async close() {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** Quoted-printable is undone; the rest of a mail is of no interest here. */
function plain(text) {
  return text
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/\r\n/g, '\n');
}
