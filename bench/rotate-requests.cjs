/**
 * For autocannon, in its worker: each connection begins somewhere else in the list of requests. In step, they would all
 * ask for the same profile at the same moment, which a server answers with one look-up.
 */
module.exports = (client) => {
  const { requests } = client.opts;
  const start = Math.floor(Math.random() * requests.length);
  client.setRequests([...requests.slice(start), ...requests.slice(0, start)]);
};
