/**
 * A process that takes batches as the least of Tracking APIs would: reads a body, parses it, counts its messages, answers
 * `{"success":true}`. GET tells the count. Says its port to its parent.
 */
import { createServer } from 'node:http';

let messages = 0;
createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    if (request.method === 'POST') messages += JSON.parse(Buffer.concat(chunks)).batch.length;
    const body = request.method === 'POST' ? '{"success":true}' : JSON.stringify({ messages });
    response.writeHead(200, { 'content-type': 'application/json' }).end(body);
  });
}).listen(0, '127.0.0.1', function listening() {
  process.send?.(this.address().port);
});
process.on('disconnect', () => process.exit(0));
