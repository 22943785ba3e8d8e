/**
 * What a Tracking API takes (`destination.md` section 2; the vendor publishes 500 KB per batch request and 32 KB per
 * message). Bytes of JSON. A request is kept under 500 KB by either reading of KB; a message may have 32 KB by the larger.
 */
export const maxRequestBytes = 500_000;
export const maxRequestMessages = 2_500;
export const maxMessageBytes = 32 * 1024;
