// A line to a port of this machine that can be cut and mended.
import net from 'node:net';

export class Relay {
  #sockets = new Set();
  #isCut = false;

  static async to(port) {
    const relay = new Relay();
    relay.server = net.createServer((near) => {
      if (relay.#isCut) return near.destroy();
      const far = net.connect(port, '127.0.0.1');
      for (const [one, other] of [[near, far], [far, near]]) {
        relay.#sockets.add(one);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          relay.#sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
    await new Promise((done) => relay.server.listen(0, '127.0.0.1', done));
    relay.port = relay.server.address().port;
    return relay;
  }

  /** Every connection breaks off, and no new one comes about. */
  cut() {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend() {
    this.#isCut = false;
  }

  close() {
    this.cut();
    this.server.close();
  }
}
