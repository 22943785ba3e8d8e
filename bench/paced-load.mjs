/**
 * A worker that sends requests at a steady pace, whether or not answers keep up, and reports how long each took from the
 * moment it was due. (autocannon's own rate limit sends the requests of a second all at once.)
 */
import http from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';

const { url, paths, headers, connections, seconds, rate } = workerData;
const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
const latencies = [];
const total = Math.floor(rate * seconds);
let sent = 0;
let failed = 0;
const start = performance.now();

function fire(dueAt) {
  const settle = (ok) => {
    if (ok) latencies.push(performance.now() - dueAt);
    else failed += 1;
    if (latencies.length + failed === total) finish();
  };
  const path = paths[Math.floor(Math.random() * paths.length)];
  const request = http.get(url + path, { agent, headers }, (response) => {
    response.resume();
    response.on('end', () => settle(response.statusCode === 200));
  });
  request.on('error', () => settle(false));
}

function finish() {
  clearInterval(timer);
  agent.destroy();
  latencies.sort((a, b) => a - b);
  const quantile = (share) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))];
  parentPort.postMessage({ failed, p50: quantile(0.5), p99: quantile(0.99) });
}

const timer = setInterval(() => {
  const due = Math.min(total, ((performance.now() - start) / 1000) * rate);
  for (; sent < due; sent += 1) fire(start + (sent / rate) * 1000);
}, 1);
