/**
 * A worker that sends requests at a steady pace, whether or not answers keep up, and reports how long each took from the
 * moment it was due. (autocannon's own rate limit sends the requests of a second all at once.) It speaks just enough HTTP
 * to cost little beside the server it measures. The first second warms up and is not counted.
 */
import net from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

const { url, requests: wanted, headers, connections, seconds, rate } = workerData;
const { hostname, port, host } = new URL(url);
const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
const requests = wanted.map(({ method, path, body = '' }) => {
  const sent = body === '' ? '' : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
  return `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${lines.join('')}${sent}\r\n${body}`;
});

const warmUp = Math.floor(rate);
const total = warmUp + Math.floor(rate * seconds);
const latencies = [];
const idle = [];
const due = [];
let fired = 0;
let answered = 0;
let failed = 0;

class Connection {
  constructor() {
    this.received = '';
    this.socket = net.connect(Number(port), hostname);
    this.socket.setNoDelay(true).setEncoding('latin1');
    this.socket.on('connect', () => this.next());
    this.socket.on('data', (text) => this.take(text));
    this.socket.on('error', () => end(total - answered));
  }

  next() {
    const request = due.shift();
    if (request === undefined) idle.push(this);
    else this.send(request);
  }

  send({ number, dueAt }) {
    this.number = number;
    this.dueAt = dueAt;
    this.socket.write(requests[Math.floor(Math.random() * requests.length)]);
  }

  take(text) {
    this.received += text;
    const head = this.received.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(this.received)?.[1]);
    if (this.received.length < head + 4 + length) return;
    if (!this.received.startsWith('HTTP/1.1 200')) failed += 1;
    if (this.number >= warmUp) latencies.push(performance.now() - this.dueAt);
    this.received = '';
    answered += 1;
    if (answered === total) end(failed);
    else this.next();
  }
}

function end(failures) {
  clearInterval(timer);
  for (const connection of all) connection.socket.destroy();
  latencies.sort((a, b) => a - b);
  const quantile = (share) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  parentPort.postMessage({ failed: failures, p50: quantile(0.5), p99: quantile(0.99) });
}

const all = Array.from({ length: connections }, () => new Connection());
const start = performance.now();
const timer = setInterval(() => {
  const dueNow = Math.min(total, ((performance.now() - start) / 1000) * rate);
  for (; fired < dueNow; fired += 1) {
    const request = { number: fired, dueAt: start + (fired / rate) * 1000 };
    // In turn: a server closes connections that never ask for anything.
    const connection = idle.shift();
    if (connection === undefined) due.push(request);
    else connection.send(request);
  }
}, 1);
