// A tool of the shop's own: tells whoever asks what it was sent, and opens WebSockets.
import { createHash } from 'node:crypto';
import http from 'node:http';

export async function tool() {
  const seen = [];
  const server = http.createServer((request, response) => {
    const said = { method: request.method, url: request.url, headers: request.headers, raw: request.rawHeaders };
    seen.push(said);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(said));
  });
  server.on('upgrade', (request, socket) => {
    seen.push({ method: request.method, url: request.url, headers: request.headers, raw: request.rawHeaders });
    const key = request.headers['sec-websocket-key'];
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    socket.on('error', () => {});
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${server.address().port}`, seen, stop };
}
