/**
 * A worker that posts batches of messages to `/v1/batch` as fast as they are answered, over a few connections. Messages are
 * templates of about one kilobyte with places for the user and the message id, so that making them costs little. Any
 * answer but 200 ends it with an error.
 */
import net from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

const { url, path, writeKey, connections, requests, messages, users, prefix } = workerData;
const { hostname, port, host } = new URL(url);
const authorization = `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`;
const time = '2026-03-01T09:30:00.000Z';
const filler = 'x'.repeat(560);
const template = JSON.stringify({
  type: 'track',
  event: 'Order Completed',
  userId: 'USER',
  anonymousId: 'ANON',
  messageId: 'MESSAGE',
  timestamp: time,
  context: {
    library: { name: 'bench', version: '1.0.0' },
    ip: '203.0.113.9',
    locale: 'en-GB',
    timezone: 'Europe/Paris',
  },
  properties: { order_id: 'o-1001', total: 129.95, currency: 'EUR', coupon: null, items: 3, note: filler },
  integrations: {},
});
const [head, afterUser, afterAnonymous, tail] = template.split(/USER|ANON|MESSAGE/);

let sent = 0;
let answered = 0;
let bytes = 0;
const latencies = [];

function bodyOf(number) {
  const items = [];
  for (let n = 0; n < messages; n += 1) {
    const user = Math.floor(Math.random() * users);
    items.push(
      `${head}u-${user}${afterUser}a-${user}${afterAnonymous}${prefix}-${number}-${n}-0123456789abcdef0123456789abcdef${tail}`,
    );
  }
  return `{"batch":[${items.join(',')}],"sentAt":"${time}"}`;
}

function connect() {
  const socket = net.connect(Number(port), hostname);
  let received = '';
  let started = 0;
  const next = () => {
    if (sent === requests) return socket.end();
    const body = bodyOf(sent);
    sent += 1;
    bytes += body.length;
    started = performance.now();
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  };
  socket.setNoDelay(true).setEncoding('latin1');
  socket.on('connect', next);
  socket.on('error', (error) => parentPort.postMessage({ error: error.message }));
  socket.on('data', (text) => {
    received += text;
    const end = received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0);
    if (received.length < end + 4 + length) return;
    if (!received.startsWith('HTTP/1.1 200')) return parentPort.postMessage({ error: received.slice(0, 200) });
    received = '';
    latencies.push(performance.now() - started);
    answered += 1;
    if (answered === requests) done();
    else next();
  });
}

function done() {
  latencies.sort((a, b) => a - b);
  const quantile = (share) => latencies[Math.floor(latencies.length * share)] ?? 0;
  parentPort.postMessage({ bytes, p50: quantile(0.5), p99: quantile(0.99) });
}

for (let n = 0; n < connections; n += 1) connect();
