/**
 * What one request to a Tracking API may carry, per the vendor's HTTP API reference ("Batch": 500 KB per request, 2,500
 * messages, 32 KB per message) and `destination.md` section 2. Sizes are bytes of JSON; KB are taken as 1,024 bytes for
 * a message and 1,000 for a request, the stricter reading where it costs little.
 */
export const maxRequestBytes = 500_000;
export const maxRequestMessages = 2_500;
export const maxMessageBytes = 32 * 1024;
